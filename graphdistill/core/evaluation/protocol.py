"""The evaluation protocol: data, networks, trainings and their config, which all rows of one report share.

Checkpoints are chosen on validation, once per training, and the test split is evaluated once, with that checkpoint.
:mod:`graphdistill.core.evaluation.rows` trains by a protocol; images, nodes, graphs and trees each have their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import GraphDataset, ImageDataset, Metric, NodeDataset, TableDataset, Task
from graphdistill.core.digest import digest
from graphdistill.core.networks.standardized import StandardizedOutput
from graphdistill.core.parallel import parallel_map
from graphdistill.core.randomness import class_balanced_order, generator, scoped
from graphdistill.core.sets.budget import largest_prefix
from graphdistill.core.sets.quantized import FULL, Precision
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.training.fit import FitConfig, FitResult, Inputs, fit_together, predict
from graphdistill.core.training.metrics import score

SELECTION_SEED = 1 << 40
"""Seed of the networks that select sets on validation; networks of rows have seeds from 0."""
AnyDataset = TypeVar("AnyDataset", ImageDataset, NodeDataset, GraphDataset, TableDataset)
Augmentation = Callable[[Any, torch.Generator], Any]
Attack = Callable[[nn.Module, Any, Tensor], Any]


@dataclass(frozen=True)
class TrainingInput:
    """Training data of a network: inputs, labels, weights and their stored size.

    Attributes:
        inputs: input of the network.
        y: hard or soft label of each entry.
        weight: loss weight of each entry, float ``[n]``.
        entries: number of images, nodes, graphs or rows.
        nbytes: stored bytes of all of it. (default: they are not counted)
        augment: whether the protocol's augmentation is for them; views with labels of their own need none. (default: it
            is)
    """

    inputs: Inputs
    y: Tensor
    weight: Tensor
    entries: int
    nbytes: int | None = None
    augment: bool = True


@dataclass(frozen=True, kw_only=True)
class BaseProtocol(ABC, Generic[AnyDataset]):
    """Data, networks and trainings that all rows of one report share.

    Attributes:
        data: the real data.
        networks: names of the networks that are trained on every set.
        trainings: trainings of each network on a set, with seeds from 0, independent of the distillation's seed.
        fit: training config. A set below the batch size is used whole in each step.
        augment: augmentation of training inputs, the same for every row. (default: none)
        attack: change of the training inputs of a step for each network, as in adversarial training. (default: none)
        device: device of the networks. (default: the CPU)
        jobs: parallel processes for trainings. (default: 1)
        progress: shows bars.

    Raises:
        ValueError: a network is none of ``NETWORKS``, or there is none.
    """

    data: AnyDataset = field(kw_only=False)
    networks: tuple[str, ...]
    trainings: int = 3
    fit: FitConfig = field(default_factory=FitConfig)
    augment: Augmentation | None = None
    attack: Attack | None = None
    device: torch.device | str = "cpu"
    jobs: int = 1
    progress: Progress = NO_PROGRESS

    NETWORKS: ClassVar[tuple[str, ...]]
    """Names of the networks for this kind of data."""
    UNIT: ClassVar[str]
    """What the entries of a set are, such as ``images``."""

    def __post_init__(self) -> None:
        unknown = [name for name in self.networks if name not in self.NETWORKS]
        if unknown or not self.networks:
            raise ValueError(f"networks are {list(self.networks)}; give one or more of {', '.join(self.NETWORKS)}")

    @property
    def metric(self) -> Metric:
        """Metric of the scores."""
        return "accuracy"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Metrics that are reported: that of the scores, and with RMSE the mean absolute error."""
        return (self.metric, "mae") if self.metric == "rmse" else (self.metric,)

    @property
    def task(self) -> Task:
        """Type of the labels."""
        return "multiclass"

    @property
    @abstractmethod
    def linear(self) -> str:
        """Name of the row of linear models."""

    def labels(self, name: str) -> Tensor:
        """Labels of one split."""
        index: Tensor = getattr(self.data, name)
        return self.data.y[index]

    def network(self, name: str, seed: int) -> nn.Module:
        """A fresh network on the protocol's device; its weights depend on its name and the seed alone."""
        with scoped(seed, "weights", name):
            return self.build(name).to(self.device)

    @abstractmethod
    def build(self, name: str) -> nn.Module:
        """A network with weights from torch's global generator."""

    @abstractmethod
    def split(self, name: str) -> tuple[Inputs, Tensor]:
        """Inputs and labels of one split."""

    @abstractmethod
    def inputs(self, synthetic: SyntheticSet) -> Inputs:
        """Network inputs of a set."""

    @abstractmethod
    def full(self) -> TrainingInput | SyntheticSet:
        """The whole training split."""

    @abstractmethod
    def linear_models(self, sets: Sequence[SyntheticSet]) -> list[Callable[[str], Tensor]]:
        """Linear models without a network: each maps the name of a split to logits, or to targets."""

    @abstractmethod
    def trivial(self, split: str) -> dict[str, Tensor]:
        """Logits, or targets, of trivial baselines on a split, by name."""

    def training_input(self, synthetic: SyntheticSet) -> TrainingInput:
        """A set as training input, whose bytes are not counted."""
        plain = synthetic.expansion is None or not synthetic.expansion.AUGMENTED
        parts = self.inputs(synthetic), synthetic.y, synthetic.weight, len(synthetic)
        return TrainingInput(*parts, augment=plain)

    def content(self, synthetic: SyntheticSet) -> str:
        """Digest of all that a training on a set depends on: trainings on sets of equal content are equal."""
        if isinstance(synthetic.data, Tensor):
            augmented = synthetic.expansion is not None and synthetic.expansion.AUGMENTED
            return digest((synthetic.data, synthetic.y, synthetic.weight, synthetic.edges, augmented))
        return digest((synthetic.payload(), synthetic.task))

    def train_all(
        self,
        synthetic: SyntheticSet | TrainingInput,
        seed: int,
        config: FitConfig | None = None,
        networks: Sequence[str] | None = None,
    ) -> dict[str, tuple[nn.Module, FitResult]]:
        """Train fresh networks on a set, on the same batches.

        Args:
            synthetic: the set.
            seed: seed of the weights, batches, dropout and augmentations.
            config: training config. (default: the protocol's)
            networks: names of the networks. (default: the protocol's)

        Returns:
            Each network with its result, by name.
        """
        part = self.training_input(synthetic) if isinstance(synthetic, SyntheticSet) else synthetic
        nets = {name: self.network(name, seed) for name in networks or self.networks}
        for net in nets.values():
            if isinstance(net, StandardizedOutput):  # by the set's own targets, which its bytes pay for
                net.standardize(part.y)
        inputs, valid = part.inputs, self.split("valid")
        fitted = fit_together(
            list(nets.values()),
            inputs,  # type: ignore[type-var]
            part.y,
            valid=valid,
            metric=self.metric,
            task=self.task,
            weight=part.weight,
            config=config or self.fit,
            augment=self.augment if part.augment else None,
            attack=self.attack,
            seed=seed,
        )
        return {name: (net, result) for (name, net), result in zip(nets.items(), fitted, strict=True)}

    def train(
        self, synthetic: SyntheticSet | TrainingInput, seed: int, config: FitConfig | None = None
    ) -> tuple[nn.Module, FitResult]:
        """Train a fresh network, the first of ``networks``, on a set; arguments are those of :meth:`train_all`."""
        (trained,) = self.train_all(synthetic, seed, config, self.networks[:1]).values()
        return trained

    def score(self, net: nn.Module, split: str) -> float:
        """Metric of a network on a split."""
        return self.scores(net, split)[self.metric]

    def scores(self, net: nn.Module, split: str) -> dict[str, float]:
        """All reported scores of a network on a split."""
        inputs, y = self.split(split)
        return self.scores_of(predict(net, inputs), y, split)

    def scores_of(self, logits: Tensor, y: Tensor, split: str) -> dict[str, float]:
        """All reported scores of logits, or targets, by name, that of ``metric`` first.

        Args:
            logits: of each entry of the split.
            y: its label.
            split: name of the split.
        """
        return {metric: score(logits, y, metric) for metric in self.metrics}


@dataclass(frozen=True, kw_only=True)
class SetProtocol(BaseProtocol[AnyDataset]):
    """Protocol of sets of labelled entries; attributes are those of :class:`BaseProtocol`."""

    fit: FitConfig = field(default_factory=lambda: FitConfig(steps=300, batch_size=128, eval_every=50, patience=3))

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return int(self.data.y.max()) + 1

    @abstractmethod
    def flat(self, what: SyntheticSet | str) -> Tensor:
        """Features for a linear model of a set or a split, ``[n, d]``."""

    @abstractmethod
    def chosen(self, index: Tensor) -> SyntheticSet:
        """Training entries as a set.

        Args:
            index: places in the training split, long ``[n]``.
        """

    def random_order(self, draw: int) -> Tensor:
        """Places of all training entries in the random order of a draw, classes alternating, long ``[n]``."""
        return class_balanced_order(self.labels("train"), generator(draw, f"random {self.UNIT}"))

    def random_sets(self, budget: int, draws: int, precision: Precision = FULL) -> list[SyntheticSet]:
        """Random class-balanced training data of at most ``budget`` coded bytes, labels included.

        Args:
            budget: bytes.
            draws: number of sets.
            precision: what features are rounded to. (default: they are not)

        Returns:
            One set per draw, with at least one entry per class, even above the budget.
        """
        found = parallel_map(_random_set, (self, budget, precision), range(draws), jobs=self.jobs)
        return list(self.progress.track(found, f"drawing random {self.UNIT}", draws))

    def within(self, order: Tensor, budget: int, precision: Precision = FULL) -> SyntheticSet:
        """The longest prefix of an order of training entries that takes at most ``budget`` bytes, coded as a set.

        Args:
            order: places in the training split in the order in which they are added.
            budget: bytes.
            precision: what features are rounded to. (default: they are not)

        Returns:
            A set with at least as many entries as there are classes, even above the budget.
        """
        made: dict[int, SyntheticSet] = {}

        def nbytes(count: int) -> int:
            made[count] = precision.of(self.chosen(order[:count]))
            return made[count].nbytes

        least = min(self.num_classes, len(order))
        count = max(least, largest_prefix(nbytes, budget, len(order), least))
        return made.get(count) or precision.of(self.chosen(order[:count]))

    @abstractmethod
    def training_split(self) -> TrainingInput:
        """The whole training split, whose bytes are not counted."""

    @property
    @abstractmethod
    def full_bytes(self) -> int:
        """Bytes of the whole training split, coded without loss."""

    def full(self) -> TrainingInput:
        """The whole training split with its bytes."""
        return replace(self.training_split(), nbytes=self.full_bytes)

    def trivial(self, split: str) -> dict[str, Tensor]:
        """Logits of trivial baselines on a split, by name: the majority class."""
        major = torch.nn.functional.one_hot(self.labels("train").bincount().argmax(), self.num_classes).float()
        return {"majority class": major.expand(len(self.labels(split)), -1)}

    def extra_baselines(self, sets: Sequence[SyntheticSet]) -> Mapping[str, Sequence[SyntheticSet | TrainingInput]]:
        """Sets of further baselines for this kind of data, by name of the row."""
        return {}

    def linear_models(self, sets: Sequence[SyntheticSet]) -> list[Callable[[str], Tensor]]:
        """A logistic regression on each set."""
        return [
            partial(
                self._linear_logits, _linear(self.flat(synthetic)[synthetic.labelled], synthetic.y[synthetic.labelled])
            )
            for synthetic in sets
        ]

    def _linear_logits(self, model: LogisticRegression, split: str) -> Tensor:
        x = self.flat(split)
        out = torch.full((len(x), self.num_classes), -torch.inf, dtype=torch.float64)
        # Not its log-probabilities: those of classes that are far apart are the logarithm of 0.
        values = torch.from_numpy(model.decision_function(x.double().numpy()))
        if values.dim() == 1:
            values = torch.stack([torch.zeros_like(values), values], dim=1)
        out[:, torch.from_numpy(model.classes_)] = values.log_softmax(dim=1)
        return out


def _random_set(context: tuple[SetProtocol[Any], int, Precision], draw: int) -> SyntheticSet:
    """One draw."""
    protocol, budget, precision = context
    return protocol.within(protocol.random_order(draw), budget, precision)


def _linear(x: Tensor, y: Tensor) -> LogisticRegression:
    """A logistic regression; soft labels are replaced by their likeliest class."""
    label = y if y.dim() == 1 else y.argmax(dim=1)
    return LogisticRegression(max_iter=5000).fit(x.numpy(), label.numpy())


def valid_score(protocol: SetProtocol[Any], synthetic: SyntheticSet) -> float:
    """Validation score of one network trained on a set, to select among sets; the test split is not used.

    It trains for half the steps of a row, with a seed that is the same for every set and that no row uses.
    """
    return selection_training(protocol, synthetic)[1].valid


def selection_training(
    protocol: SetProtocol[Any], synthetic: SyntheticSet, draw: int = 0
) -> tuple[nn.Module, FitResult]:
    """The training that :func:`valid_score` scores, or another draw of it: the network, and its result."""
    short = replace(protocol.fit, steps=max(1, protocol.fit.steps // 2))
    return protocol.train(synthetic, SELECTION_SEED + draw, short)


def real_set(x: Tensor, y: Tensor) -> SyntheticSet:
    """Real entries and their classes as a set.

    Example:
        >>> real_set(torch.rand(2, 3), torch.tensor([0, 1])).weight.tolist()
        [1.0, 1.0]
    """
    return SyntheticSet(x, y, class_weights(y))
