"""Rows of a table for distillation: a multilayer perceptron as teacher, a narrow one as student."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from graphdistill.core.data.datasets import Metric, TableDataset
from graphdistill.core.networks.mlp import MLP
from graphdistill.kd.data.view import Kind, Training, View
from graphdistill.kd.inputs import Inputs


class RowView(View):
    """Rows, which networks get as ``x``, float ``[n, F]``.

    Raises:
        ValueError: also if the rows have targets of regression.
    """

    KIND: ClassVar[Kind] = "rows"
    TRAINING = Training(steps=300, batch_size=128, lr=3e-3, weight_decay=1e-2, eval_every=20)
    CHUNK = 8192
    data: TableDataset

    def __init__(self, data: TableDataset, device: torch.device | str = "cpu", labelled: Tensor | None = None):
        if data.task == "regression":
            raise ValueError(
                f"{data.name} has targets of regression, but only classes are distilled: name another column by label= "
                "(--label-column), or cut the targets into classes first, such as above and below the median"
            )
        super().__init__(data, device, labelled)
        self._x = data.x.to(self.device)

    @property
    def metric(self) -> Metric:
        """Metric of the data set."""
        return self.data.metric

    def inputs(self, index: Tensor) -> Inputs:
        """Features of rows."""
        return Inputs("x", {"x": self._x[index.to(self.device)]})


def _mlp(width: int, view: RowView) -> nn.Module:
    return MLP((view.data.x.shape[1],), view.num_classes, width=width)


RowView.TEACHERS = {"MLP": partial(_mlp, 128)}
RowView.STUDENTS = {"MLP-8": partial(_mlp, 8)}
