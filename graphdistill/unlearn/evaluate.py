"""The given model, one retrained on the rest, baselines and a method, on the same entries: accuracy and an attack."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.evaluation.membership import membership_auc
from graphdistill.core.methods import MethodConfig
from graphdistill.core.training.metrics import score
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.evaluate import build
from graphdistill.unlearn.context import of_classes, rest_of
from graphdistill.unlearn.forget import unlearned

GIVEN, RETRAINED, ATTACK = "given model", "retrained", "membership AUC"
BASELINES = ("fine-tune", "gradient-ascent")
"""Methods that every report has."""


@dataclass(frozen=True)
class Scored:
    """A network and its scores.

    Attributes:
        network: the network.
        remaining: accuracy on training entries that remain.
        forgotten: accuracy on forgotten entries.
        held_out: accuracy on held-out entries of the classes that remain.
        attack: ROC-AUC of a membership attack on the forgotten entries; see :func:`attack`.
        valid: metric of the data set on validation entries of the classes that remain.
        seconds: seconds of making it.
    """

    network: nn.Module
    remaining: float
    forgotten: float
    held_out: float
    attack: float
    valid: float
    seconds: float


def score_seed(
    view: View,
    forget: Tensor,
    methods: Mapping[str, str | MethodConfig],
    config: KDConfig,
    *,
    network: str = "",
    model: nn.Module | None = None,
    seed: int = 0,
    split: Literal["valid", "test"] = "test",
    progress: Progress = NO_PROGRESS,
) -> dict[str, Scored]:
    """Make and score all rows of a report with one seed; the given and the retrained model begin with the same weights.

    Args:
        view: the data.
        forget: entries of :func:`~graphdistill.unlearn.request.check_forget`.
        methods: methods by their row.
        config: training of the given and of the retrained model.
        network: name of the network. (default: the first of the kind)
        model: the given model. (default: it is trained)
        seed: seed of weights, batches and what methods draw. (default: 0)
        split: split of the held-out entries; tuning reads ``valid``. (default: ``test``)
        progress: shows bars.

    Returns:
        The networks by row: ``given model``, ``retrained`` and the methods.
    """
    rest = rest_of(view, forget)
    found: dict[str, Scored] = {}

    def add(row: str, made: nn.Module, start: float) -> None:
        found[row] = scored(view, rest, forget, made, time.perf_counter() - start, split)

    start = time.perf_counter()
    if model is None:
        model = fit_labels(
            build(view, network, "teacher", seed), view, config, seed=seed, progress=progress, label=GIVEN
        )
    add(GIVEN, model, start)
    start = time.perf_counter()
    new = build(view, network, "teacher", seed)
    add(RETRAINED, fit_labels(new, rest, config, seed=seed, progress=progress, label=RETRAINED), start)
    for row, method in methods.items():
        start = time.perf_counter()
        add(row, unlearned(model, view, forget, method, seed=seed, progress=progress), start)
    return found


def scored(
    view: View, rest: View, forget: Tensor, network: nn.Module, seconds: float, split: Literal["valid", "test"] = "test"
) -> Scored:
    """Scores of a network; those of remaining entries are in the data without the forgotten ones.

    Args:
        view: all data.
        rest: the data without the forgotten entries, of :func:`~graphdistill.unlearn.context.rest_of`.
        forget: the forgotten entries.
        network: the network.
        seconds: seconds of making it.
        split: split of the held-out entries. (default: ``test``)
    """
    held_out: Tensor = getattr(view.data, split)
    remaining, y = rest.data.train, view.data.y
    return Scored(
        network,
        accuracy(rest, network, remaining),
        accuracy(view, network, forget),
        accuracy(rest, network, of_classes(y, held_out, y[remaining])),
        attack(view, network, forget, held_out),
        rest.score(network, "valid"),
        seconds,
    )


def accuracy(view: View, network: nn.Module, index: Tensor) -> float:
    """Share of entries whose class is predicted; NaN without entries."""
    if not len(index):
        return float("nan")
    return score(view.predict(network, index).logits.cpu(), view.labels(index), "accuracy")


def attack(view: View, network: nn.Module, forget: Tensor, held_out: Tensor) -> float:
    """ROC-AUC of a low loss as evidence that a forgotten entry was trained on; NaN if no held-out entry has its class.

    The loss is cross-entropy. Held-out entries are those of the forgotten classes, for otherwise the attack would find
    the class, not the membership.

    Args:
        view: all data.
        network: the network that is attacked.
        forget: forgotten entries.
        held_out: entries that the network was not trained on.
    """
    y = view.data.y
    others = of_classes(y, held_out, y[forget])
    if not len(others):
        return float("nan")
    return membership_auc(view.losses(network, forget), view.losses(network, others))[0]
