"""Labels, weights and counts as integers, and their coding after the graphs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.codec.arithmetic import MODE
from graphdistill.core.codec.columns import code_integer, fold
from graphdistill.core.codec.contexts import LABEL
from graphdistill.core.codec.jit import Ints, array, jit, zeros
from graphdistill.core.codec.model import COUNT, KIND, Model, mix2, mix3

HARD, SOFT, TASKS = range(3)
"""Kinds of labels: classes, probabilities of classes, many binary tasks."""


@dataclass(frozen=True)
class Labels:
    """Labels of a set of graphs.

    Attributes:
        y: classes from 0, long ``[n]``; probabilities of classes, float ``[n, C]``; with ``multilabel`` probabilities
            of tasks, float ``[n, T]``, NaN for unknown.
        task: ``multiclass`` or ``multilabel``.
        weight: weight of each graph, float ``[n]``.
        count: how many graphs of the data each stands for, long ``[n]``.
        bits: precision of probabilities: multiples of ``1 / (2**bits - 1)``, with 1 to 8 bits. The last class has what
            the others leave.
    """

    y: Tensor
    task: Literal["multiclass", "multilabel"] = "multiclass"
    weight: Tensor | None = None
    count: Tensor | None = None
    bits: int = 8

    def __post_init__(self) -> None:
        if self.task not in ("multiclass", "multilabel"):
            raise ValueError(f"task must be multiclass or multilabel, got {self.task!r}")
        if not 1 <= self.bits <= 8:
            raise ValueError(f"bits must be from 1 to 8, got {self.bits}")
        soft = self.y.is_floating_point()
        if self.y.dim() != 1 + soft or (self.task == "multilabel" and not soft):
            raise ValueError(
                f"y of {self.y.dtype} {list(self.y.shape)} with task {self.task} must be long [n] or float [n, columns]"
            )
        known = self.y.nan_to_num() if self.task == "multilabel" else self.y
        if soft and not bool(((known >= 0) & (known <= 1)).all()):
            raise ValueError("y holds values outside of 0 to 1; give probabilities")
        for name, values in (("weight", self.weight), ("count", self.count)):
            if values is not None and values.shape != (len(self.y),):
                raise ValueError(f"{name} has shape {list(values.shape)}; give one for each of {len(self.y)} labels")

    def stored(self, order: Tensor) -> Labels:
        """The labels of the graphs at ``order`` (long ``[n]``) as they are decoded: probabilities are rounded."""
        y = self.y[order]
        if y.is_floating_point():
            steps = 2**self.bits - 1
            values = y if self.task == "multilabel" else y[:, :-1]
            y = (values.double() * steps).round().float() / steps
            if self.task == "multiclass":
                y = torch.cat([y, (1 - y.sum(dim=1, keepdim=True)).clamp(0)], dim=1)
        weight, count = (None if v is None else v[order] for v in (self.weight, self.count))
        return replace(self, y=y, weight=None if weight is None else weight.float(), count=count)

    def columns(self) -> Any:
        """The labels and counts as integers ``[n, columns]``: 0 for unknown tasks, weights by number."""
        out = [self.y[:, None].long()]
        if self.y.is_floating_point():
            values = self.y if self.task == "multilabel" else self.y[:, :-1]
            steps = (values.double().nan_to_num() * (2**self.bits - 1)).round().long()
            out = [steps if self.task == "multiclass" else torch.where(values.isnan(), 0, steps + 1)]
        if self.count is not None:
            out.append(self.count[:, None].long())
        if self.weight is not None:
            out.append(torch.from_numpy(self.weights()[1])[:, None])
        return torch.cat(out, dim=1).numpy()

    def weights(self) -> tuple[Any, Any]:
        """The distinct weights by their bits of 32-bit floats, ascending, and the number of each graph's."""
        assert self.weight is not None
        distinct, number = np.unique(self.weight.float().numpy().view(np.int32).astype(np.int64), return_inverse=True)
        return distinct, number.astype(np.int64)


def encode_labels(m: Model, labels: Labels, order: Tensor) -> Any:
    """Code labels in the order of the graphs; returns the integers that were coded, for the checksum."""
    columns = labels.columns()[order.numpy()]
    kind = HARD if not labels.y.is_floating_point() else SOFT if labels.task == "multiclass" else TASKS
    distinct = labels.weights()[0] if labels.weight is not None else np.zeros(0, np.int64)
    facts = [kind, labels.bits, columns.shape[1], int(labels.count is not None), len(distinct)]
    for values, width in ((np.array(facts), 1), (distinct, 1), (columns.ravel(), columns.shape[1])):
        code_matrix(m, array(values), max(width, 1))
    return np.concatenate([facts, distinct, columns.ravel()])


def decode_labels(m: Model, graphs: int, limit: int) -> tuple[Labels, Any]:
    """The labels that follow the graphs, and the integers that were decoded."""
    facts = _decoded(m, 5, 1)
    kind, bits, width, counted, num_weights = facts.tolist()
    fits = 0 <= kind <= TASKS and 1 <= bits <= 8 and counted in (0, 1)
    if not fits or width < counted + (num_weights > 0) or not 0 <= num_weights <= graphs or width > limit:
        raise ValueError("was changed: its labels cannot be read")
    if width * graphs > limit:
        raise ValueError(f"holds {width * graphs} labels, more than the limit of {limit}; give a larger limit")
    distinct = _decoded(m, num_weights, 1)
    columns = _decoded(m, graphs * width, max(width, 1)).reshape(graphs, width)
    coded = np.concatenate([facts, distinct, columns.ravel()])
    weight = count = None
    if num_weights:
        number = columns[:, -1].clip(0, num_weights - 1)
        weight = torch.from_numpy(distinct.astype(np.int32).view(np.float32)[number])
        columns = columns[:, :-1]
    if counted:
        count, columns = torch.from_numpy(columns[:, -1].copy()), columns[:, :-1]
    y = torch.from_numpy(columns.copy())
    if kind == HARD:
        if y.shape[1] != 1:
            raise ValueError("was changed: its labels cannot be read")
        return Labels(y[:, 0], "multiclass", weight, count), coded
    steps = 2**bits - 1
    y = y.clamp(0, steps + (kind == TASKS))
    if kind == TASKS:
        y = torch.where(y == 0, torch.nan, (y - 1).float() / steps)
        return Labels(y, "multilabel", weight, count, bits), coded
    y = y.float() / steps
    return Labels(
        torch.cat([y, (1 - y.sum(dim=1, keepdim=True)).clamp(0)], 1), "multiclass", weight, count, bits
    ), coded


def _decoded(m: Model, size: int, width: int) -> Any:
    values = zeros(size)
    code_matrix(m, values, width)
    return np.asarray(values, np.int64)


@jit
def code_matrix(m: Model, values: Ints, width: int) -> None:
    """Code integers row by row, in contexts of their column, the columns before it and the row before it."""
    decode = m.reg[MODE]
    context = m.context
    for i in range(len(values)):
        column = i % width
        base = mix3(0x700, LABEL, min(column, 200))
        last = fold(values[i - 1]) if column > 0 else 0
        first = fold(values[i - column]) if column > 0 else 0
        above = fold(values[i - width]) if i >= width else 0
        context[0] = base
        context[1] = mix3(base, 1, last)
        context[2] = mix3(base, 2, above)
        context[3] = mix3(base, 3, mix2(last, first))
        m.reg[KIND] = LABEL
        m.reg[COUNT] = 4
        values[i] = code_integer(m, values[i], decode, min(column, 31))
