"""Weighted sums of gathered rows over sorted segments, by sparse matrix products and their transposed twins."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from graphdistill.core.data import pointer


class Segments:
    r"""Sums of gathered rows over sorted segments.

    .. math:: \mathrm{out}_s = \sum_{e = \mathrm{ptr}_s}^{\mathrm{ptr}_{s+1} - 1} w_e \, x_{\mathrm{index}_e}

    Both directions are products with a sparse matrix, built once and reused; sums run in a fixed order, so the
    same input gives the same bits.

    Args:
        ptr: first entry of each segment and E at the end, long ``[S + 1]``.
        index: row of ``x`` that each entry gathers, long ``[E]``.
        num_rows: number of rows of ``x``.
        weight: constant factor of each entry ``[E]``, or ``None`` for 1.

    Example:
        >>> segments = Segments(torch.tensor([0, 2, 3]), torch.tensor([0, 1, 1]), num_rows=2)
        >>> segments.sum(torch.tensor([[1.0], [10.0]])).tolist()
        [[11.0], [10.0]]
    """

    def __init__(self, ptr: Tensor, index: Tensor, num_rows: int, weight: Tensor | None = None):
        self.ptr, self.index, self.num_rows, self.weight = ptr, index, num_rows, weight
        self._matrices: dict[torch.dtype, tuple[Tensor, Tensor]] = {}

    def sum(self, x: Tensor) -> Tensor:
        """Sum the gathered rows of ``x`` (floating ``[num_rows, F]``) over each segment: ``[S, F]``."""
        out: Tensor = _Product.apply(x, *self._pair(x.dtype))  # type: ignore[no-untyped-call]
        return out

    def _pair(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The sparse matrix of the sum and its transpose."""
        if dtype not in self._matrices:
            weight = torch.ones(len(self.index), device=self.ptr.device) if self.weight is None else self.weight
            segment = torch.repeat_interleave(torch.arange(len(self.ptr) - 1, device=self.ptr.device), self.ptr.diff())
            order = self.index.sort(stable=True).indices
            ptr = pointer(torch.bincount(self.index, minlength=self.num_rows))
            shape = (len(self.ptr) - 1, self.num_rows)
            weight = weight.to(dtype)
            self._matrices[dtype] = (
                _csr(self.ptr, self.index, weight, shape),
                _csr(ptr, segment[order], weight[order], shape[::-1]),
            )
        return self._matrices[dtype]


def _csr(ptr: Tensor, index: Tensor, weight: Tensor, shape: tuple[int, ...]) -> Tensor:
    with warnings.catch_warnings():
        # torch calls its CSR support beta; the product used here is what MKL has done for decades.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(ptr, index, weight, shape, check_invariants=False)


class _Product(torch.autograd.Function):
    """Sparse-dense product whose backward is the product with the transposed matrix."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, None]:
        return ctx.transposed @ gradient.contiguous(), None, None
