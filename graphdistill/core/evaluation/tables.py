"""Evaluation of sets of rows of a table: a perceptron, and random rows in the smallest plain form that is known."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from graphdistill.core.data.datasets import Metric, TableDataset
from graphdistill.core.evaluation.group_gaps import odds_gap, parity_gap, reweighing
from graphdistill.core.evaluation.protocol import SetProtocol, TrainingInput
from graphdistill.core.evaluation.smiles_rows import xz
from graphdistill.core.evaluation.whole import whole_bytes
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.training.fit import FitConfig

STEPS = 32
"""Levels of a deviation that stored features are rounded to."""
LARGEST = 60.0
"""Largest stored feature, in deviations; with 32 levels of each, all are numbers of half precision."""


class PlainRows(SyntheticSet):
    """Real rows of which the smaller of two forms is counted: the codec's, or compressed lines of CSV."""

    @property
    def nbytes(self) -> int:
        """Bytes of the smaller form."""
        return min(super().nbytes, int(str(self.meta["csv_bytes"])))


def round_rows(x: Tensor) -> Tensor:
    """Features in steps of 1/32 of a deviation, from -60 to 60, so that they are stored in few bits and exactly.

    Example:
        >>> round_rows(torch.tensor([[0.1, 1.0, 99.0]])).tolist()
        [[0.09375, 1.0, 60.0]]
    """
    return (x.clamp(-LARGEST, LARGEST) * STEPS).round() / STEPS


def csv_bytes(lines: Sequence[str]) -> int:
    """Bytes of lines of CSV without a header in the smallest plain form: xz of the lines, or of the columns.

    Example:
        >>> csv_bytes(["5.1,setosa"] * 100) < 30
        True
    """
    columns = "\n".join(",".join(column) for column in zip(*csv.reader(lines), strict=True))
    return min(len(xz("\n".join(lines))), len(xz(columns)))


@dataclass(frozen=True, kw_only=True)
class TableProtocol(SetProtocol[TableDataset]):
    """Evaluation of sets of rows; attributes are those of :class:`~graphdistill.core.evaluation.protocol.SetProtocol`.

    Means, deviations and names of categories, which encode rows, are counted in no row of a report.

    Raises:
        ValueError: the rows have targets of regression, or a network is unknown.
    """

    fit: FitConfig = field(default_factory=lambda: FitConfig(steps=300, batch_size=128, eval_every=20, patience=10))

    networks: tuple[str, ...] = ("MLP",)

    NETWORKS: ClassVar[tuple[str, ...]] = ("MLP",)
    UNIT: ClassVar[str] = "rows"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data.task == "regression":
            raise ValueError(
                f"{self.data.name} has targets of regression, but sets are distilled class by class; name a column of "
                f"classes, or choose a table such as breast-cancer"
            )

    @property
    def metric(self) -> Metric:
        """Metric of the data set."""
        return self.data.metric

    def scores_of(self, logits: Tensor, y: Tensor, split: str) -> dict[str, float]:
        """Metrics of a split, and if rows have groups how differently these are treated."""
        found = super().scores_of(logits, y, split)
        if self.data.group is None:
            return found
        predicted, group = logits.argmax(dim=1), self.data.group[getattr(self.data, split)]
        gaps = {"parity gap": parity_gap(predicted, group), "odds gap": odds_gap(predicted, y, group)}
        return {**found, **gaps}

    @property
    def linear(self) -> str:
        """Name of the row of linear models."""
        return "logistic regression on the same set"

    def build(self, name: str) -> MLP:
        """A network with weights from torch's global generator."""
        return MLP((self.data.x.shape[1],), self.num_classes)

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Features and classes of one split."""
        index: Tensor = getattr(self.data, name)
        return self.data.x[index], self.data.y[index]

    def inputs(self, synthetic: SyntheticSet) -> Tensor:
        """The features of a set."""
        assert isinstance(synthetic.data, Tensor)
        return synthetic.data

    def flat(self, what: SyntheticSet | str) -> Tensor:
        """Features."""
        return self.split(what)[0] if isinstance(what, str) else self.inputs(what)

    def chosen(self, index: Tensor) -> SyntheticSet:
        """Training rows as a set, sorted by class, whose bytes are those of their smaller form."""
        index = self.data.train[index]
        index = index[self.data.y[index].argsort(stable=True)]
        x, y = round_rows(self.data.x[index]), self.data.y[index]
        if self.data.lines is None:
            return SyntheticSet(x, y, class_weights(y))
        return PlainRows(x, y, class_weights(y), meta={"csv_bytes": csv_bytes([self.data.lines[i] for i in index])})

    @cached_property
    def full_bytes(self) -> int:
        """Bytes of all training rows and their classes in their smaller form."""
        chosen = self.chosen(torch.arange(len(self.data.train)))
        coded = whole_bytes(chosen.arrays(), jobs=self.jobs, progress=self.progress)
        return min(coded, int(str(chosen.meta.get("csv_bytes", coded))))

    def extra_baselines(self, sets: Sequence[SyntheticSet]) -> Mapping[str, Sequence[TrainingInput]]:
        """If rows have groups, all training rows with weights that make classes and groups independent."""
        if self.data.group is None:
            return {}
        whole = self.full()
        weight = whole.weight * reweighing(whole.y, self.data.group[self.data.train])
        return {"all the data, reweighed by group": [replace(whole, weight=weight)]}

    def training_split(self) -> TrainingInput:
        """All training rows."""
        x, y = self.split("train")
        return TrainingInput(x, y, class_weights(y), len(y))
