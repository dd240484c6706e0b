"""Evaluation of condensed sets: the test score of networks that are trained on a set.

As in :mod:`graphdistill.core.evaluation.trees` for Mirage, every row uses the same network, steps, augmentation and
seeds. Checkpoints are chosen on validation, and the test split is evaluated once, with that checkpoint.
"""

from __future__ import annotations

import math
import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.command.report import Row
from graphdistill.core.data.datasets import GraphDataset, ImageDataset, Metric, NodeDataset, Task
from graphdistill.core.parallel import parallel_map
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.training.fit import FitConfig, FitResult, Inputs, fit, predict
from graphdistill.core.training.metrics import score

SELECTION_SEED = 1 << 40
"""Seed of the networks that select sets on validation; networks of rows have seeds from 0."""
AnyDataset = TypeVar("AnyDataset", ImageDataset, NodeDataset, GraphDataset)
Augmentation = Callable[[Any, torch.Generator], Any]


@dataclass(frozen=True)
class TrainingInput:
    """Training data of a network: inputs, labels, weights and their stored size.

    Attributes:
        inputs: input of the network.
        y: hard or soft label of each entry.
        weight: loss weight of each entry, float ``[n]``.
        nbytes: stored bytes of all of it.
        entries: number of images, nodes or graphs.
    """

    inputs: Inputs
    y: Tensor
    weight: Tensor
    nbytes: int
    entries: int


@dataclass(frozen=True)
class SetProtocol(ABC, Generic[AnyDataset]):
    """Data, networks and seeds that all rows of one report share.

    Attributes:
        data: the real data.
        networks: number of trainings on every set, with seeds from 0, independent of the distillation's seed.
        fit: training config. A set below the batch size is used whole in each step.
        augment: augmentation of training inputs, the same for every row. (default: none)
        jobs: parallel processes for trainings. (default: 1)
        progress: shows bars.
    """

    data: AnyDataset
    networks: int = 3
    fit: FitConfig = field(default_factory=lambda: FitConfig(steps=300, batch_size=128, eval_every=50, patience=3))
    augment: Augmentation | None = None
    jobs: int = 1
    progress: Progress = NO_PROGRESS

    NETWORK: ClassVar[str]
    """Name of the network."""
    ENTRIES: ClassVar[str]
    """Name of the entries of a set, such as ``images``."""
    LINEAR: ClassVar[str]
    """Name of the linear baseline's features."""

    @property
    def metric(self) -> Metric:
        """Metric of the scores."""
        return "accuracy"

    @property
    def task(self) -> Task:
        """Type of the labels."""
        return "multiclass"

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return int(self.data.y.max()) + 1

    def labels(self, name: str) -> Tensor:
        """Labels of one split."""
        index: Tensor = getattr(self.data, name)
        return self.data.y[index]

    @abstractmethod
    def network(self, seed: int) -> nn.Module:
        """A fresh network; its weights depend on the seed alone."""

    @abstractmethod
    def split(self, name: str) -> tuple[Inputs, Tensor]:
        """Inputs and labels of one split."""

    @abstractmethod
    def inputs(self, synthetic: SyntheticSet) -> Inputs:
        """Network inputs of a set."""

    @abstractmethod
    def flat(self, what: SyntheticSet | str) -> Tensor:
        """Features for a linear model of a set or a split, ``[n, d]``."""

    @abstractmethod
    def random_sets(self, budget: int, draws: int) -> list[SyntheticSet]:
        """Random class-balanced training data of at most ``budget`` bytes, labels included.

        Returns:
            One set per draw, with at least one entry per class, even above the budget.
        """

    @abstractmethod
    def full(self) -> TrainingInput:
        """The whole training split."""

    def trivial(self, split: str) -> dict[str, Tensor]:
        """Logits of trivial baselines on a split, by name: the majority class."""
        major = torch.nn.functional.one_hot(self.labels("train").bincount().argmax(), self.num_classes).float()
        return {"majority class": major.expand(len(self.labels(split)), -1)}

    def extra_baselines(self, sets: Sequence[SyntheticSet]) -> dict[str, list[SyntheticSet]]:
        """Sets of further baselines for this kind of data, by name of the row."""
        return {}

    def training_input(self, synthetic: SyntheticSet) -> TrainingInput:
        """A set as training input."""
        return TrainingInput(self.inputs(synthetic), synthetic.y, synthetic.weight, synthetic.nbytes, len(synthetic))

    def train(
        self, synthetic: SyntheticSet | TrainingInput, seed: int, config: FitConfig | None = None
    ) -> tuple[nn.Module, FitResult]:
        """Train a fresh network on a set."""
        part = self.training_input(synthetic) if isinstance(synthetic, SyntheticSet) else synthetic
        net, inputs, valid = self.network(seed), part.inputs, self.split("valid")
        fitted = fit(
            net,
            inputs,  # type: ignore[type-var]
            part.y,
            valid=valid,
            metric=self.metric,
            task=self.task,
            weight=part.weight,
            config=config or self.fit,
            augment=self.augment,
            seed=seed,
        )
        return net, fitted

    def score(self, net: nn.Module, split: str) -> float:
        """Metric of a network on a split."""
        inputs, y = self.split(split)
        return score(predict(net, inputs), y, self.metric)


def valid_score(protocol: SetProtocol[Any], synthetic: SyntheticSet) -> float:
    """Validation score of one network trained on a set, to select among sets; the test split is not used.

    It trains for half the steps of a row, with a seed that is the same for every set and that no row uses.
    """
    short = replace(protocol.fit, steps=max(1, protocol.fit.steps // 2))
    return protocol.train(synthetic, SELECTION_SEED, short)[1].valid


@dataclass(frozen=True)
class SetPlan:
    """Training sets of one row.

    Attributes:
        name: name of the row.
        sets: one set per draw.
        distill_seconds: seconds of making one of them. (default: nothing was distilled)
        fit: training config. (default: the protocol's)
    """

    name: str
    sets: Sequence[SyntheticSet | TrainingInput]
    distill_seconds: float | None = None
    fit: FitConfig | None = None


def train_rows(
    protocol: SetProtocol[Any],
    name: str,
    sets: Sequence[SyntheticSet | TrainingInput],
    distill_seconds: float | None = None,
) -> Row:
    """Train every network on every set.

    Args:
        protocol: data, networks, seeds.
        name: name of the row.
        sets: one set per draw.
        distill_seconds: seconds of making one of them. (default: nothing was distilled)

    Returns:
        A row with one score per draw and network, ordered by draw.
    """
    (row,) = train_plans(protocol, [SetPlan(name, sets, distill_seconds)])
    return row


def train_plans(protocol: SetProtocol[Any], plans: Sequence[SetPlan]) -> list[Row]:
    """Train every network on the sets of all plans, in parallel on the protocol's processes.

    Args:
        protocol: data, networks, number of processes.
        plans: training sets of each row.

    Returns:
        One row per plan, as of :func:`train_rows`.
    """
    parts = [[protocol.training_input(s) if isinstance(s, SyntheticSet) else s for s in plan.sets] for plan in plans]
    runs = [
        (number, draw, seed)
        for number, part in enumerate(parts)
        for draw in range(len(part))
        for seed in range(protocol.networks)
    ]
    # The longest trainings start first, so that all processes stay busy to the end.
    longest = sorted(runs, key=lambda run: -parts[run[0]][run[1]].entries)
    context = protocol, parts, [plan.fit for plan in plans]
    results = parallel_map(_train, context, longest, jobs=protocol.jobs)
    found = dict(zip(longest, protocol.progress.track(results, "training networks", len(runs)), strict=True))
    rows = []
    for number, (plan, part) in enumerate(zip(plans, parts, strict=True)):
        tests, valids, seconds = zip(*(found[run] for run in runs if run[0] == number), strict=True)
        rows.append(
            Row(
                name=plan.name,
                group=protocol.NETWORK,
                test=tests,
                valid=valids,
                nbytes=round(statistics.fmean(p.nbytes for p in part)),
                entries=round(statistics.fmean(p.entries for p in part)),
                distill_seconds=plan.distill_seconds,
                train_seconds=statistics.fmean(seconds),
            )
        )
    return rows


def _train(
    context: tuple[SetProtocol[Any], list[list[TrainingInput]], list[FitConfig | None]], run: tuple[int, int, int]
) -> tuple[float, float, float]:
    """One training: test score, validation score and seconds."""
    protocol, parts, configs = context
    number, draw, seed = run
    net, fitted = protocol.train(parts[number][draw], seed, configs[number])
    return protocol.score(net, "test"), fitted.valid, fitted.seconds


def rs2_row(protocol: SetProtocol[Any], size: int) -> Row:
    """The row of :func:`rs2_plan`."""
    (row,) = train_plans(protocol, [rs2_plan(protocol, size, protocol.full())])
    return row


def rs2_plan(protocol: SetProtocol[Any], size: int, whole: TrainingInput) -> SetPlan:
    """RS2, repeated sampling of random subsets: every step trains on new real entries, as many as a set has.

    Okanovic et al., ICLR 2024, https://arxiv.org/abs/2305.18424; sampled by
    :class:`~graphdistill.core.training.sampler.RepeatedRandomSampler`. The cost of a step is as on the set, but all the
    data is stored and used over time, so all its bytes count.

    Args:
        protocol: data, networks, seeds.
        size: entries of a set; a step takes at most the protocol's batch size.
        whole: the whole training split.
    """
    fewer = replace(protocol.fit, batch_size=min(size, protocol.fit.batch_size))
    return SetPlan("RS2: new random subset every step", [whole], fit=fewer)


def baseline_rows(protocol: SetProtocol[Any], sets: Sequence[SyntheticSet]) -> list[Row]:
    """Baselines without distillation or without a network.

    Args:
        protocol: data, networks, seeds.
        sets: sets of the distilled row, which the linear model is fitted on.

    Returns:
        The untrained network, logistic regression on the same sets, and the trivial baselines.
    """
    nets = [protocol.network(seed) for seed in range(protocol.networks)]
    tests = tuple(protocol.score(net, "test") for net in nets)
    rows = [Row(name="untrained network", group=protocol.NETWORK, test=tests, valid=(), nbytes=None, entries=None)]
    start = time.perf_counter()
    models = [_linear(protocol.flat(synthetic), synthetic.y, protocol.num_classes) for synthetic in sets]
    seconds = (time.perf_counter() - start) / len(sets)
    splits = ("valid", "test")
    linear = f"logistic regression on {protocol.LINEAR} of the same set"
    logits = {split: {linear: [model(protocol.flat(split)) for model in models]} for split in splits}
    for split in splits:
        logits[split] |= {name: [values] for name, values in protocol.trivial(split).items()}
    for name in logits["test"]:
        valid, test = (
            tuple(score(values, protocol.labels(split), protocol.metric) for values in logits[split][name])
            for split in splits
        )
        learnt = seconds if name == linear else None
        rows.append(Row(name=name, group=None, test=test, valid=valid, nbytes=None, entries=None, train_seconds=learnt))
    return rows


def _linear(x: Tensor, y: Tensor, num_classes: int) -> Callable[[Tensor], Tensor]:
    """Logits of a logistic regression; soft labels are replaced by their likeliest class."""
    label = y if y.dim() == 1 else y.argmax(dim=1)
    model = LogisticRegression(max_iter=5000).fit(x.numpy(), label.numpy())
    return partial(_linear_logits, model, num_classes)


def _linear_logits(model: LogisticRegression, num_classes: int, x: Tensor) -> Tensor:
    out = torch.full((len(x), num_classes), -torch.inf, dtype=torch.float64)
    out[:, torch.from_numpy(model.classes_)] = torch.from_numpy(model.predict_log_proba(x.double().numpy()))
    return out


def real_set(x: Tensor, y: Tensor) -> SyntheticSet:
    """Real entries and their classes as a set.

    Example:
        >>> real_set(torch.rand(2, 3), torch.tensor([0, 1])).weight.tolist()
        [1.0, 1.0]
    """
    return SyntheticSet(x, y, class_weights(y))


def break_even(distilled: Row, full: Row) -> float:
    """Number of trainings after which distillation has paid off: its seconds over the seconds saved per training.

    Infinite if training on the distilled set is not faster than on all the data.

    Example:
        >>> row = dict(group="ConvNet", test=(0.9,), valid=(), nbytes=9, entries=1)
        >>> synthetic = Row(name="distilled", distill_seconds=60.0, train_seconds=2.0, **row)
        >>> break_even(synthetic, Row(name="all", train_seconds=14.0, **row))
        5.0
    """
    assert distilled.distill_seconds is not None
    assert distilled.train_seconds is not None
    assert full.train_seconds is not None
    saved = full.train_seconds - distilled.train_seconds
    return distilled.distill_seconds / saved if saved > 0 else math.inf
