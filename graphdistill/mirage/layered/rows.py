"""What the rows of a tensor stand for, and how values travel between kinds of rows.

A layer of a graph network has one row per tree of a depth. Trees of depth k know their cut to depth k - 1, so values of
a shallower depth are gathered when deeper ones meet them; child slots know the message that they receive.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch_geometric.utils import scatter

from graphdistill.mirage.layered import accelerate

Reduce = Literal["sum", "mean", "max", "min", "mul"]


class Link:
    """A row of other rows for each of some rows: values are gathered forwards and summed backwards.

    Args:
        index: row that each row links to, long ``[n]``.
        size: number m of rows that are linked to.
        ptr: where the rows of each of the m start, long ``[m + 1]``, if they are sorted by it.
        fast: use this library's segment operations.
    """

    def __init__(self, index: Tensor, size: int, ptr: Tensor | None = None, fast: bool = False):
        self.index, self.size, self.ptr = index, size, ptr
        self.kernels = accelerate.Kernels(index, size, ptr) if fast else None

    def gather(self, x: Tensor) -> Tensor:
        """The value of the row that each row links to: ``[m, ...]`` to ``[n, ...]``."""
        if self.kernels is not None and x.is_floating_point():
            return self.kernels.gather(x)
        return x.index_select(0, self.index)

    def reduce(self, x: Tensor, how: Reduce, weight: Tensor | None = None) -> Tensor:
        """Sum, maximum, minimum or product of the rows that link to each row: ``[n, ...]`` to ``[m, ...]``.

        With ``weight`` (long ``[n]``) each row counts as often, also where equal maxima share a gradient.
        """
        if weight is not None and how != "sum":
            best = self.reduce(x.detach(), how)
            share = (x == self.gather(best)) * _column(weight, x)
            # The mean of equal values, which gives each node that has them the same share of the gradient.
            return self.reduce(x * share, "sum") / self.reduce(share.to(x.dtype), "sum").clamp(min=1)
        if weight is not None:
            x = x * _column(weight.to(x.dtype), x)
        if self.kernels is not None and self.ptr is not None and x.is_floating_point() and how in ("sum", "max"):
            return self.kernels.reduce(x, how)
        out: Tensor = scatter(x, self.index, 0, self.size, how)
        return out

    @cached_property
    def number(self) -> Tensor:
        """How many rows link to each row, long ``[m]``."""
        return torch.bincount(self.index, minlength=self.size)


class Rows:
    """A kind of rows: trees of a depth, edges to them, messages on these, occurrences in graphs, or edge features.

    Args:
        name: for errors.
        size: number of rows.
        counts: how many nodes or edges of the graphs each row stands for, as a function of long ``[size]``.
        depth: of trees.
        below: rows from which values are gathered when they meet values of these.
        link: to the rows below.
        fast: use this library's segment operations.
    """

    def __init__(
        self,
        name: str,
        size: int,
        counts: Callable[[], Tensor],
        *,
        depth: int | None = None,
        below: Rows | None = None,
        link: Link | None = None,
        fast: bool = False,
    ):
        self.name, self.size, self.depth, self.below, self.fast = name, size, depth, below, fast
        self._counts, self._links = counts, {} if below is None or link is None else {below: link}

    @cached_property
    def counts(self) -> Tensor:
        """How many nodes or edges each row stands for, long ``[size]``."""
        return self._counts()

    def stand_on(self, other: Rows) -> bool:
        """Whether values of ``other`` can be gathered to these rows."""
        return other is self or (self.below is not None and self.below.stand_on(other))

    def link(self, other: Rows) -> Link:
        """The link to rows somewhere below."""
        if other not in self._links:
            assert self.below is not None
            index = self.below.link(other).index[self.link(self.below).index]
            self._links[other] = Link(index, other.size, fast=self.fast)
        return self._links[other]


def _column(values: Tensor, like: Tensor) -> Tensor:
    """One value a row, in as many dimensions as ``like``."""
    return values.view(-1, *[1] * (like.dim() - 1))
