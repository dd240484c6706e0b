"""Sums, means and maxima over sorted segments, with and without gathering."""

from __future__ import annotations

import copy
from typing import Literal

import torch
from torch import Tensor

from graphdistill.core.scatter import _check, _ops, _reference

Reduce = Literal["sum", "mean"]


def sort_by(keys: Tensor, size: int | None = None) -> tuple[Tensor, Tensor]:
    r"""Stable sort of entries by an integer key, so that the entries of each key form a segment.

    Entry ``permutation[i]`` comes i-th, and the entries with key k are those from ``ptr[k]`` to ``ptr[k + 1]``.

    Args:
        keys: 0 or more, long ``[E]``.
        size: number S of keys. (default: the largest key + 1)

    Returns:
        The permutation, long ``[E]``, and ``ptr``, long ``[S + 1]``.

    Raises:
        ValueError: a key is negative or not below ``size``.

    Example:
        >>> permutation, ptr = sort_by(torch.tensor([2, 0, 2]))
        >>> permutation.tolist(), ptr.tolist()
        ([1, 0, 2], [0, 1, 1, 3])
    """
    if size is None:
        _check.integers("keys", keys)
        size = int(keys.max()) + 1 if len(keys) else 0
    _check.size("size", size)
    permutation, ptr = _ops.sort_by(keys, size)
    return permutation, ptr


def segment_sum(x: Tensor, ptr: Tensor) -> Tensor:
    r"""Sum the rows of each segment.

    .. math:: \mathrm{out}_s = \sum_{e = \mathrm{ptr}_s}^{\mathrm{ptr}_{s+1} - 1} x_e

    Sums have a fixed order, half precision is summed in float32, and an empty segment gives 0. Segments of more than
    256 float32 entries are summed in pieces, which are added in float64. Twice differentiable.

    Args:
        x: entries sorted by segment, floating ``[E]`` or ``[E, F]``.
        ptr: first entry of each segment and E at the end, long ``[S + 1]`` (from :func:`sort_by`).

    Returns:
        ``[S]`` or ``[S, F]``, of the dtype of ``x``.

    Raises:
        ValueError: ``ptr`` does not start at 0, decreases or does not end at E; dtypes or devices differ.

    Example:
        >>> segment_sum(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 2, 3])).tolist()
        [3.0, 0.0, 4.0]
    """
    return _reduce(x, ptr, "sum")


def segment_mean(x: Tensor, ptr: Tensor) -> Tensor:
    r"""Average the rows of each segment; an empty segment gives 0.

    .. math:: \mathrm{out}_s = \frac{1}{\mathrm{ptr}_{s+1} - \mathrm{ptr}_s} \sum_e x_e

    Arguments, shapes and errors are those of :func:`segment_sum`.

    Example:
        >>> segment_mean(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 2, 3])).tolist()
        [1.5, 0.0, 4.0]
    """
    return _reduce(x, ptr, "mean")


def segment_max(x: Tensor, ptr: Tensor) -> Tensor:
    r"""The largest value of each column of each segment; an empty segment gives 0.

    .. math:: \mathrm{out}_s = \max_{\mathrm{ptr}_s \le e < \mathrm{ptr}_{s+1}} x_e

    Entries that share the maximum share its gradient evenly. Arguments, shapes and errors are those of
    :func:`segment_sum`.

    Example:
        >>> segment_max(torch.tensor([1.0, 2.0, -4.0]), torch.tensor([0, 2, 2, 3])).tolist()
        [2.0, 0.0, -4.0]
    """
    return _reduce(x, ptr, "max")


def _reduce(x: Tensor, ptr: Tensor, reduce: str) -> Tensor:
    _check.rows("x", x)
    out: Tensor = _ops.segment_reduce(_columns(x), ptr, reduce)
    return out if x.dim() == 2 else out.squeeze(1)


def segment_repeat(x: Tensor, ptr: Tensor, length: int) -> Tensor:
    r"""Repeat the row of each segment for its entries: the derivative of :func:`segment_sum`.

    .. math:: \mathrm{out}_e = x_s \quad \text{for } \mathrm{ptr}_s \le e < \mathrm{ptr}_{s+1}

    Args:
        x: a row per segment, floating ``[S]`` or ``[S, F]``.
        ptr: first entry of each segment and E at the end, long ``[S + 1]``.
        length: number E of entries, which a compiler cannot infer from ``ptr``.

    Returns:
        ``[E]`` or ``[E, F]``.

    Raises:
        ValueError: ``ptr`` does not bound segments of ``length`` entries, or ``x`` does not have S rows.

    Example:
        >>> segment_repeat(torch.tensor([5.0, 7.0]), torch.tensor([0, 2, 3]), 3).tolist()
        [5.0, 5.0, 7.0]
    """
    _check.rows("x", x)
    _check.per_row("x", x, "ptr", ptr[:-1])
    out: Tensor = _ops.segment_repeat(_columns(x), ptr, length)
    return out if x.dim() == 2 else out.squeeze(1)


def gather_segment(
    x: Tensor, ptr: Tensor, index: Tensor, weight: Tensor | None = None, reduce: Reduce = "sum"
) -> Tensor:
    r"""Sum or average weighted, gathered rows over each segment, without materializing the gathered rows.

    .. math:: \mathrm{out}_s = \frac{1}{n_s} \sum_{e = \mathrm{ptr}_s}^{\mathrm{ptr}_{s+1} - 1}
        w_e \, x_{\mathrm{index}_e}

    with :math:`n_s = 1` for a sum and the number of entries for a mean; an average by weight is the sum divided by
    ``segment_sum(weight, ptr)``. Used for message passing, readout and class means. Twice differentiable in ``x``
    and ``weight``. For many calls with the same segments build :class:`Segments` once.

    Args:
        x: rows to gather, floating ``[N]`` or ``[N, F]``.
        ptr: first entry of each segment and E at the end, long ``[S + 1]``.
        index: row of ``x`` of each entry, long ``[E]``.
        weight: factor of each entry, of the dtype of ``x``, ``[E]``. (default: 1)
        reduce: ``sum`` or ``mean``. (default: ``sum``)

    Returns:
        ``[S]`` or ``[S, F]``.

    Raises:
        ValueError: ``ptr`` does not start at 0, decreases or does not end at E; an index is out of range; lengths,
            dtypes or devices differ.

    Example:
        >>> x, ptr, index = torch.tensor([[1.0], [10.0]]), torch.tensor([0, 2, 3]), torch.tensor([0, 1, 1])
        >>> gather_segment(x, ptr, index, torch.tensor([1.0, 0.5, 2.0])).tolist()
        [[6.0], [20.0]]
    """
    _check.rows("x", x)
    _check.one_of("reduce", reduce, ("sum", "mean"))
    _check.weights(weight, index)
    out: Tensor = _ops.gather_segment(_columns(x), ptr, index, weight, reduce)
    return out if x.dim() == 2 else out.squeeze(1)


class Segments:
    r"""Segments for repeated gathering: checked once, with the order for the backward pass cached.

    Args:
        ptr: first entry of each segment and E at the end, long ``[S + 1]``.
        index: row that each entry gathers, long ``[E]``.
        num_rows: number N of rows to gather from.
        weight: constant factor of each entry ``[E]``, or ``None`` for 1.

    Raises:
        ValueError: as of :func:`gather_segment`.

    Example:
        >>> segments = Segments(torch.tensor([0, 2, 3]), torch.tensor([0, 1, 1]), num_rows=2)
        >>> segments.sum(torch.tensor([[1.0], [10.0]])).tolist()
        [[11.0], [10.0]]
    """

    def __init__(self, ptr: Tensor, index: Tensor, num_rows: int, weight: Tensor | None = None):
        _check.segments(ptr, index, num_rows)
        _check.weights(weight, index)
        self.ptr, self.index, self.num_rows, self.weight = ptr, index, num_rows, weight
        self._twin: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def twin(self) -> tuple[Tensor, Tensor, Tensor]:
        """Entries grouped by the row that they gather: pointer ``[N + 1]``, segment and position of each ``[E]``."""
        if self._twin is None:
            self._twin = _ops.transpose(self.ptr, self.index, self.num_rows)
        return self._twin

    @classmethod
    def rows(cls, index: Tensor, num_rows: int) -> Segments:
        """A segment for each entry: plain gathering, whose backward pass is a sum in a fixed order.

        Example:
            >>> Segments.rows(torch.tensor([1, 1]), 2).sum(torch.tensor([[1.0], [10.0]])).tolist()
            [[10.0], [10.0]]
        """
        return cls(torch.arange(len(index) + 1, device=index.device), index, num_rows)

    @classmethod
    def entries(cls, ptr: Tensor, length: int) -> Segments:
        """Segments of ``length`` rows in order, each row in one segment.

        Example:
            >>> Segments.entries(torch.tensor([0, 2, 3]), 3).sum(torch.tensor([1.0, 10.0, 100.0])).tolist()
            [11.0, 100.0]
        """
        out = cls(ptr, torch.arange(length, device=ptr.device), length)
        bounds = torch.arange(length + 1, device=ptr.device)
        out._twin = bounds, _reference.owners(ptr, length), out.index
        return out

    def to(self, device: torch.device | str) -> Segments:
        """The same segments on a device, with what is cached.

        Example:
            >>> Segments(torch.tensor([0, 2]), torch.tensor([1, 0]), 2).to("meta").index.device
            device(type='meta')
        """
        if self.index.to(device) is self.index:
            return self
        out = copy.copy(self)
        out.ptr, out.index = self.ptr.to(device), self.index.to(device)
        out.weight = None if self.weight is None else self.weight.to(device)
        if self._twin is not None:
            ptr, segment, order = self._twin
            out._twin = ptr.to(device), segment.to(device), order.to(device)
        return out

    def backwards(self) -> Segments:
        """For segments by :meth:`entries`: the row of its segment for each entry.

        Example:
            >>> Segments.entries(torch.tensor([0, 2, 3]), 3).backwards().sum(torch.tensor([1.0, 10.0])).tolist()
            [1.0, 1.0, 10.0]
        """
        bounds, segment, order = self.twin
        out = Segments(bounds, segment, len(self.ptr) - 1)
        out._twin = self.ptr, self.index, order
        return out

    def apart(self) -> Segments:
        """One segment per entry.

        Example:
            >>> Segments(torch.tensor([0, 2]), torch.tensor([1, 0]), 2).apart().sum(torch.tensor([5.0, 6.0])).tolist()
            [6.0, 5.0]
        """
        out = Segments.rows(self.index, self.num_rows)
        ptr, _, order = self.twin
        out._twin = ptr, order, order
        return out

    def blocks(self, times: int) -> Segments:
        """The same segments repeated ``times`` times, each time on the next ``num_rows`` rows: one per attention head.

        Example:
            >>> pairs = Segments(torch.tensor([0, 2]), torch.tensor([0, 1]), num_rows=2).blocks(2)
            >>> pairs.sum(torch.tensor([1.0, 2.0, 10.0, 20.0])).tolist()
            [3.0, 30.0]
        """
        block = torch.arange(times, device=self.ptr.device)[:, None]
        length, num_segments = len(self.index), len(self.ptr) - 1

        def pointers(ptr: Tensor) -> Tensor:
            return torch.cat([(ptr[:-1] + block * length).view(-1), ptr.new_tensor([times * length])])

        weight = None if self.weight is None else self.weight.repeat(times)
        index = (self.index + block * self.num_rows).view(-1)
        out = Segments(pointers(self.ptr), index, times * self.num_rows, weight)
        ptr, segment, order = self.twin
        out._twin = pointers(ptr), (segment + block * num_segments).view(-1), (order + block * length).view(-1)
        return out

    def sum(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Sum gathered rows of ``x`` (``[N]`` or ``[N, F]``) over each segment, by the constant or another weight."""
        return self._reduce(x, weight, "sum")

    def mean(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Average gathered, weighted rows of ``x`` over the entries of each segment."""
        return self._reduce(x, weight, "mean")

    def _reduce(self, x: Tensor, weight: Tensor | None, reduce: str) -> Tensor:
        _check.rows("x", x)
        _check.weights(weight, self.index)
        if len(x) != self.num_rows:
            raise ValueError(f"x must have the {self.num_rows} rows that these segments gather from, got {len(x)}")
        if weight is None and self.weight is not None:
            weight = self.weight.to(x.dtype)
        out: Tensor = _ops.gather_segment(_columns(x), self.ptr, self.index, weight, reduce, *self.twin, True)
        return out if x.dim() == 2 else out.squeeze(1)


def _columns(x: Tensor) -> Tensor:
    return x if x.dim() == 2 else x[:, None]
