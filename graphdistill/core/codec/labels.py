"""Labels, weights and counts as integers, and their coding after the graphs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.codec.arithmetic import MODE
from graphdistill.core.codec.columns import code_integer, fold
from graphdistill.core.codec.contexts import LABEL
from graphdistill.core.codec.jit import Ints, array, jit, zeros
from graphdistill.core.codec.model import COUNT, KIND, Model, code_bit, mix2, mix3
from graphdistill.core.codec.probabilities import dequantize, from_conditional, quantize, to_conditional
from graphdistill.core.codec.targets import dequantize_targets, quantize_targets
from graphdistill.core.data.datasets import Task

HARD, SOFT, TASKS, TARGETS = range(4)
"""Kinds of labels: classes, probabilities of classes, many binary tasks, targets of regression."""


@dataclass(frozen=True)
class Labels:
    """Labels of a set of graphs.

    Attributes:
        y: classes from 0, long ``[n]``; probabilities of classes, float ``[n, C]``; with ``multilabel`` probabilities
            of tasks, float ``[n, T]``, NaN for unknown; with ``regression`` targets, float ``[n, T]``, NaN for unknown.
        task: ``multiclass``, ``multilabel`` or ``regression``.
        weight: weight of each graph, float ``[n]``.
        count: how many graphs of the data each stands for, long ``[n]``.
        bits: precision of probabilities and targets: a class, task or target has at most ``2**bits`` of them, with 1 to
            8 bits; see ``probabilities`` and ``targets``.
    """

    y: Tensor
    task: Task = "multiclass"
    weight: Tensor | None = None
    count: Tensor | None = None
    bits: int = 8

    def __post_init__(self) -> None:
        if self.task not in get_args(Task):
            raise ValueError(f"task must be {' or '.join(get_args(Task))}, got {self.task!r}")
        if not 1 <= self.bits <= 8:
            raise ValueError(f"bits must be from 1 to 8, got {self.bits}")
        soft = self.y.is_floating_point()
        if self.y.dim() != 1 + soft or (self.task != "multiclass" and not soft):
            raise ValueError(
                f"y of {self.y.dtype} {list(self.y.shape)} with task {self.task} must be long [n] or float [n, columns]"
            )
        known = self.y.nan_to_num() if self.task == "multilabel" else self.y
        if self.task == "regression":
            if bool(torch.isinf(self.y.float()).any()):
                raise ValueError("y holds targets beyond 32-bit floats; give finite numbers, or NaN for unknown ones")
        elif soft and not bool(((known >= 0) & (known <= 1)).all()):
            raise ValueError("y holds values outside of 0 to 1; give probabilities")
        if soft and self.task == "multiclass" and bool(((self.y.double().sum(dim=1) - 1).abs() > 0.01).any()):
            raise ValueError("y has rows whose sum is not 1; give probabilities of classes, or task='multilabel'")
        for name, values in (("weight", self.weight), ("count", self.count)):
            if values is not None and values.shape != (len(self.y),):
                raise ValueError(f"{name} has shape {list(values.shape)}; give one for each of {len(self.y)} labels")

    def stored(self, order: Tensor | None = None) -> Labels:
        """The labels as a stream decodes to: probabilities and targets are rounded, weights have 32 bits.

        Labels that are rounded already come back unchanged.

        Args:
            order: which labels, in this order, long ``[m]`` (default: all).

        Example:
            >>> soft = Labels(torch.tensor([[0.97, 0.03], [0.9, 0.1], [0.3, 0.7], [0.98, 0.02]]), bits=1)
            >>> [round(p, 2) for p in soft.stored().y[:, 1].tolist()]
            [0.13, 0.13, 0.5, 0.13]
        """
        y = self.y if not self.y.is_floating_point() else _values(self.task, *self.levels())
        weight = None if self.weight is None else self.weight.float()
        out = replace(self, y=y, weight=weight)
        if order is None:
            return out
        weight, count = (None if v is None else v[order] for v in (weight, self.count))
        return replace(out, y=y[order], weight=weight, count=count)

    def levels(self) -> tuple[Any, Any]:
        """Grid ``[D, 2]`` and levels ``[n, D]``, -1 for unknown, as of ``quantize``, or of ``quantize_targets``."""
        if self.task == "regression":
            return quantize_targets(self.y.float().double().numpy(), self.bits)
        p = self.y.double().numpy()
        return quantize(to_conditional(p) if self.task == "multiclass" else p, self.bits)

    def columns(self) -> Any:
        """Classes, counts and numbers of weights, those that there are, as integers ``[n, columns]``."""
        out = [] if self.y.is_floating_point() else [self.y]
        if self.count is not None:
            out.append(self.count)
        if self.weight is not None:
            out.append(torch.from_numpy(self.weights()[1]))
        return torch.stack(out, dim=1).long().numpy() if out else np.zeros((len(self.y), 0), np.int64)

    def weights(self) -> tuple[Any, Any]:
        """The distinct weights by their bits of 32-bit floats, ascending, and the number of each graph's."""
        assert self.weight is not None
        distinct, number = np.unique(self.weight.float().numpy().view(np.int32).astype(np.int64), return_inverse=True)
        return distinct, number.astype(np.int64)


def encode_labels(m: Model, labels: Labels, order: Tensor) -> Any:
    """Code labels in the order of the graphs; returns the integers that were coded, for the checksum."""
    columns = labels.columns()[order.numpy()]
    soft = {"multiclass": SOFT, "multilabel": TASKS, "regression": TARGETS}
    kind = soft[labels.task] if labels.y.is_floating_point() else HARD
    grid, levels = labels.levels() if kind != HARD else (np.zeros((0, 2), np.int64), np.zeros((len(columns), 0)))
    levels = levels.astype(np.int64)[order.numpy()]
    distinct = labels.weights()[0] if labels.weight is not None else np.zeros(0, np.int64)
    gaps = int(bool((levels < 0).any()))
    facts = [kind, labels.bits if kind != HARD else 1, len(grid), gaps, int(labels.count is not None), len(distinct)]
    for values, width in (
        (np.array(facts), 1),
        (distinct, 1),
        (grid.ravel(), grid.shape[1]),
        (columns.ravel(), columns.shape[1]),
    ):
        code_matrix(m, array(values), max(width, 1))
    code_levels(m, array(levels.ravel()), max(len(grid), 1), labels.bits, gaps)
    return np.concatenate([facts, distinct, grid.ravel(), columns.ravel(), levels.ravel()])


def decode_labels(m: Model, graphs: int, limit: int) -> tuple[Labels, Any]:
    """The labels that follow the graphs, and the integers that were decoded."""
    facts = _decoded(m, 6, 1)
    kind, bits, width, gaps, counted, num_weights = facts.tolist()
    fits = 0 <= kind <= TARGETS and 1 <= bits <= 8 and gaps in (0, 1) and counted in (0, 1)
    if not fits or not 0 <= num_weights <= graphs or not 0 <= width <= (limit if kind else 0):
        raise ValueError("was changed: its labels cannot be read")
    others = (kind == HARD) + counted + (num_weights > 0)
    if (size := (width + others) * graphs) > limit:
        raise ValueError(f"holds {size} labels, more than the limit of {limit}; give a larger limit")
    distinct = _decoded(m, num_weights, 1)
    of_grid = 3 if kind == TARGETS else 2
    grid = _decoded(m, of_grid * width, of_grid).reshape(width, of_grid)
    columns = _decoded(m, graphs * others, max(others, 1)).reshape(graphs, others)
    given = zeros(graphs * width)
    code_levels(m, given, max(width, 1), bits, gaps)
    levels = np.asarray(given, np.int64).reshape(graphs, width)
    coded = np.concatenate([facts, distinct, grid.ravel(), columns.ravel(), levels.ravel()])
    weight = count = None
    if num_weights:
        number = columns[:, -1].clip(0, num_weights - 1)
        weight = torch.from_numpy(distinct.astype(np.int32).view(np.float32)[number])
    if counted:
        count = torch.from_numpy(columns[:, int(kind == HARD)].copy())
    task: Task = "regression" if kind == TARGETS else "multilabel" if kind == TASKS else "multiclass"
    y = torch.from_numpy(columns[:, 0].copy()) if kind == HARD else _values(task, grid, levels)
    return Labels(y, task, weight, count, bits), coded


def _values(task: Task, grid: Any, levels: Any) -> Tensor:
    """Targets, or probabilities of classes or tasks."""
    if task == "regression":
        return torch.from_numpy(dequantize_targets(grid, levels)).float()
    p = dequantize(grid, levels)
    return torch.from_numpy(from_conditional(p) if task == "multiclass" else p).float()


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


@jit
def code_levels(m: Model, values: Ints, width: int, bits: int, gaps: int) -> None:
    """Code levels from 0 to ``2**bits - 1`` row by row, from the highest bit; with ``gaps`` -1 stands for unknown.

    Contexts are the column, the level before it in the row, that in the row before and the mean of the last two rows.
    """
    context = m.context
    for i in range(len(values)):
        value = values[i]
        column = i % width
        base = mix3(0x800, LABEL, min(column, 200))
        last = values[i - 1] if column > 0 else 0
        above = values[i - width] if i >= width else 0
        earlier = values[i - 2 * width] if i >= 2 * width else 0
        context[0] = base
        context[1] = mix3(base, 1, last + 1)
        context[2] = mix3(base, 2, above + 1)
        context[3] = mix3(base, 3, (above + earlier + 2) >> 1)
        m.reg[KIND] = LABEL
        m.reg[COUNT] = 4
        select = min(column, 15)
        values[i] = -1
        if gaps == 0 or code_bit(m, 1 if value >= 0 else 0, 0, 16 + select):
            node = 1
            for j in range(bits - 1, -1, -1):
                node = node * 2 + code_bit(m, (value >> j) & 1, node, select)
            values[i] = node - (1 << bits)
