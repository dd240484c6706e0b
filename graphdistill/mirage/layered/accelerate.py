"""This library's segment operations for a link between rows: no message is written out that is only summed."""

from __future__ import annotations

import math
from functools import cached_property

from torch import Tensor

from graphdistill.core.scatter import Segments, segment_max, segment_repeat, segment_sum


class Kernels:
    """Gathering and reducing along one link, with what the backward passes need prepared once.

    Args:
        index: row that each row links to, long ``[n]``.
        size: number m of rows that are linked to.
        ptr: where the rows of each of the m start, long ``[m + 1]``, if they are sorted by it.
    """

    def __init__(self, index: Tensor, size: int, ptr: Tensor | None):
        self.index, self.size, self.ptr = index, size, ptr
        self._fused: dict[tuple[Kernels, int], Segments] = {}

    @cached_property
    def _rows(self) -> Segments:
        return Segments.rows(self.index, self.size)

    def gather(self, x: Tensor) -> Tensor:
        """The value of the row that each row links to: ``[m, ...]`` to ``[n, ...]``."""
        flat = x.reshape(len(x), math.prod(x.shape[1:]))
        out = self._rows.sum(flat) if self.ptr is None else segment_repeat(flat, self.ptr, len(self.index))
        return out.view(-1, *x.shape[1:])

    def reduce(self, x: Tensor, how: str) -> Tensor:
        """Sum or maximum of the rows that link to each row: ``[n, ...]`` to ``[m, ...]``."""
        assert self.ptr is not None
        out = (segment_max if how == "max" else segment_sum)(x.reshape(len(x), math.prod(x.shape[1:])), self.ptr)
        return out.view(-1, *x.shape[1:])

    def weighted_sum(self, x: Tensor, through: Kernels, weight: Tensor | None) -> Tensor:
        """Sum of weighted values that are gathered through another link: ``[k, (H,) C]`` to ``[m, (H,) C]``.

        Args:
            x: values of the k rows that ``through`` links the n rows to.
            through: that link.
            weight: factor of each of the n rows, or of each and each head, ``[n]`` or ``[n, H]``. (default: 1)
        """
        heads = 1 if weight is None or weight.dim() == 1 else weight.shape[1]
        if (through, heads) not in self._fused:
            assert self.ptr is not None
            segments = Segments(self.ptr, through.index, through.size)
            self._fused[through, heads] = segments if heads == 1 else segments.blocks(heads)
        segments = self._fused[through, heads]
        if heads == 1:
            out = segments.sum(
                x.reshape(len(x), math.prod(x.shape[1:])), None if weight is None else weight.reshape(-1)
            )
            return out.view(-1, *x.shape[1:])
        assert weight is not None
        blocks = x.transpose(0, 1).reshape(heads * len(x), -1)
        out = segments.sum(blocks, weight.T.reshape(-1))
        return out.view(heads, self.size, -1).transpose(0, 1).contiguous()
