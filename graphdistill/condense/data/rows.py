"""Rows of a table: real ones, and learnt ones in units of each column's deviation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from graphdistill.condense.data.learnable import LearnableSet, stored_labels
from graphdistill.condense.data.training_data import Kind, TrainingData
from graphdistill.core.evaluation.tables import TableProtocol, round_rows
from graphdistill.core.networks.convnet import ConvNetNorm
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights


class TrainingRows(TrainingData):
    """The training rows of a table and their classes.

    Args:
        protocol: the table.
    """

    KIND: ClassVar[Kind] = "rows"
    MOVED: ClassVar[tuple[str, ...]] = ("x",)

    def __init__(self, protocol: TableProtocol):
        self.x, y = protocol.split("train")
        super().__init__(y, protocol.num_classes)

    def inputs(self, index: Tensor) -> Tensor:
        """Features."""
        return self.x[index]

    def flat(self) -> Tensor:
        """Features."""
        return self.x

    def network(self, norm: ConvNetNorm = "instance") -> MLP:
        """A perceptron."""
        return MLP((self.x.shape[1],), self.num_classes).to(self.device)

    def init_from(self, index: Tensor, logits: Tensor | None = None) -> LearnableRows:
        """Rows to learn."""
        return LearnableRows(self.x[index], self.y[index], logits)

    def select(self, index: Tensor) -> SyntheticSet:
        """Rows as they are stored."""
        return LearnableRows(self.x[index], self.y[index]).freeze()


class LearnableRows(LearnableSet):
    """Rows whose features are learnt: numbers in deviations, and a degree of each category.

    Example:
        >>> rows = LearnableRows(torch.tensor([[0.1, 1.0]]), torch.tensor([0]))
        >>> rows.features().requires_grad, rows.freeze().data.tolist()
        (True, [[0.09375, 1.0]])
    """

    def features(self) -> Tensor:
        """Features ``[n, F]``, with gradients."""
        return self.x

    def clip(self) -> None:
        """Features have no limits while they are learnt."""

    @torch.no_grad()
    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The rows in steps of 1/32 of a deviation, on the CPU."""
        y = stored_labels(self.labels)
        return SyntheticSet(round_rows(self.x.detach().cpu()), y, class_weights(y), meta=dict(meta or {}))
