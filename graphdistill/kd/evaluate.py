"""Teacher, labels alone, plain distillation and a method, on the same split and seed, and what a prediction costs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.device import synchronize
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.metrics import calibration_error, score, with_label
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.methods import FAMILY, compared_with, needs_teacher
from graphdistill.kd.objective import FoundStudent
from graphdistill.kd.teachers.ensemble import MeanTeachers

LABELS, KD, UNTRAINED = "labels alone", "kd", "untrained"


@dataclass(frozen=True)
class Scored:
    """A network and its scores on one split of the data.

    Attributes:
        network: the trained network.
        test: test metric.
        valid: validation metric.
        calibration: expected calibration error on the test split.
        seconds: seconds of training; of a student without the teacher's.
        worst_domain: least test metric of a domain; NaN without domains.
        architecture: sizes of a student that was searched, by name; none of any other.
    """

    network: nn.Module
    test: float
    valid: float
    calibration: float
    seconds: float
    worst_domain: float
    architecture: Mapping[str, int]


def build(view: View, name: str, role: str, seed: int) -> nn.Module:
    """A new network of a view by its name, on the view's device; equal seeds give equal weights.

    Args:
        view: the data.
        name: name of the network; empty for the first one.
        role: ``teacher`` or ``student``.
        seed: seed of the weights.

    Raises:
        ValueError: there is no such network for the kind of data.
    """
    choices = view.TEACHERS if role == "teacher" else view.STUDENTS
    either = {**view.STUDENTS, **view.TEACHERS} if role == "student" else {**view.TEACHERS, **view.STUDENTS}
    name = name or next(iter(choices))
    if name not in either:
        raise ValueError(f"--{role} {name!r} is unknown for {view.KIND}; choose from {', '.join(either)}")
    with scoped(seed, "kd", role, "weights"):
        return either[name](view).to(view.device)


def train_teacher(
    view: View,
    names: Sequence[str],
    config: KDConfig,
    *,
    sources: Sequence[View] = (),
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> nn.Module:
    """Train the teacher on labels, or several of different seeds as one.

    Args:
        view: the data.
        names: names of the networks; none for the first one of the kind.
        config: training of each.
        sources: other data, on each of which all networks are trained instead. (default: none)
        seed: seed of the first one, from which those of the others are made. (default: 0)
        progress: shows bars.
    """
    members = []
    for place, (data, name) in enumerate(product(sources or (view,), names or ("",))):
        own = generator(seed, "kd", "teacher", place).initial_seed() if place else seed
        members.append(build(data, name, "teacher", own))
        fit_labels(members[-1], data, config, seed=own, progress=progress)
    return members[0] if len(members) == 1 else MeanTeachers(members).eval()


def score_seed(
    view: View,
    method: str | MethodConfig,
    config: KDConfig,
    *,
    teacher: Sequence[str] = (),
    student: str = "",
    sources: Sequence[View] = (),
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> dict[str, Scored]:
    """Train and score all rows of a report with one seed; all students begin with the same weights.

    Args:
        view: the data.
        method: name of the method, or its config.
        config: training of every network.
        teacher: names of the teachers' networks; the probabilities of several are averaged. (default: the first of
            the kind)
        student: name of the student's network. (default: the first of the kind)
        sources: other data that the teachers are trained on instead. (default: none)
        seed: seed of weights, batches and what the method draws. (default: 0)
        progress: shows bars.

    Returns:
        The networks by row: ``teacher``, ``labels alone``, ``kd``, the method and ``untrained``; of self-distillation
        parts of the method in place of ``teacher`` and ``kd``.
    """
    name = FAMILY.name_of(method)
    found: dict[str, Scored] = {}
    above = None
    if needs_teacher(method):
        start = time.perf_counter()
        above = train_teacher(view, teacher, config, sources=sources, seed=seed, progress=progress)
        found["teacher"] = _scored(view, above, time.perf_counter() - start, {})
    methods = {LABELS: None, **compared_with(method), name: method, UNTRAINED: None}
    # A method may hide labels from the student that the teacher has; then the other students do not see them either.
    narrowed = getattr(FAMILY.module(method), "student_view", None)
    few = view if narrowed is None else narrowed(view, FAMILY.config(method), seed)
    for row, how in methods.items():
        network = build(view, student, "student", seed)
        start = time.perf_counter()
        sizes: Mapping[str, int] = {}
        if row == LABELS:
            fit_labels(network, few, config, seed=seed, progress=progress, label=row)
        elif how is not None:
            seen = few if FAMILY.name_of(how) == KD else view
            fitted = fit_kd(network, above, seen, how, config, seed=seed, progress=progress)
            if isinstance(fitted, FoundStudent):
                network, sizes = fitted.network, fitted.architecture
        seconds = 0.0 if row == UNTRAINED else time.perf_counter() - start
        found[row] = _scored(view, network.eval(), seconds, sizes)
    return found


def _scored(view: View, network: nn.Module, seconds: float, sizes: Mapping[str, int]) -> Scored:
    logits, y = view.logits(network, "test"), view.labels(view.data.test)
    return Scored(
        network,
        score(logits, y, view.metric),
        view.score(network, "valid"),
        calibration_error(*with_label(logits, y)),
        seconds,
        min(domain_scores(view, logits)) if view.domain is not None else float("nan"),
        dict(sizes),
    )


def domain_scores(view: View, logits: Tensor) -> list[float]:
    """Test metric of each domain, of logits on the test split."""
    assert view.domain is not None
    domain, y = view.domain[view.data.test], view.labels(view.data.test)
    return [score(logits[domain == d], y[domain == d], view.metric) for d in domain.unique()]


def trivial(view: View) -> float:
    """Test metric of the majority class of the training labels, which knows nothing else."""
    labels = view.labels(view.labelled)
    counts = labels[labels >= 0].bincount(minlength=view.num_classes).float()
    y = view.labels(view.data.test)
    return score(counts.expand(len(y), -1), y, view.metric)


@torch.no_grad()
def latency(view: View, network: nn.Module, *, draws: int = 20, batch: int = 512) -> dict[str, float]:
    """Milliseconds of a prediction, making of the inputs included: one entry at a time, and in a batch.

    Args:
        view: the data.
        network: the network.
        draws: entries that are predicted one at a time. (default: 20)
        batch: entries of a batch, or all of them if there are fewer. (default: 512)

    Returns:
        ``one`` (the median), ``one, p99`` and ``in a batch`` (an entry, the least of three).
    """
    network.eval()
    order = torch.randperm(len(view.train), generator=generator(0, "latency"))
    single = [_time(view, network, view.train[order[i : i + 1]]) for i in range(min(draws, len(order)))]
    many = view.train[order[:batch]]
    least = min(_time(view, network, many) for _ in range(3)) / len(many)
    return {"one": _quantile(single, 0.5), "one, p99": _quantile(single, 0.99), "in a batch": least}


def _time(view: View, network: nn.Module, index: Tensor) -> float:
    start = time.perf_counter()
    view.run(network, index, inputs=view.new_inputs(index))
    synchronize(view.device)
    return 1000 * (time.perf_counter() - start)


def _quantile(values: Sequence[float], share: float) -> float:
    return float(torch.tensor(values, dtype=torch.double).quantile(share))


def network_bytes(network: nn.Module) -> int:
    """Bytes of a network's parameters and buffers.

    Example:
        >>> network_bytes(nn.Linear(3, 2))
        32
    """
    return sum(value.numel() * value.element_size() for value in network.state_dict().values())
