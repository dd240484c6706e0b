"""Node features for linear layers, stored sparse if they are mostly zeros."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.data.tensors import segment_ptr
from graphdistill.core.scatter import Segments

DENSE = 0.2
"""Share of non-zeros above which the dense product is used."""


class SparseFeatures:
    """A feature matrix to train on, sparse if that is cheaper: a bag of words has about 1 % non-zeros.

    Args:
        x: float ``[N, F]``.

    Example:
        >>> features = SparseFeatures(torch.eye(3))
        >>> features(nn.Linear(3, 2)).shape
        torch.Size([3, 2])
    """

    def __init__(self, x: Tensor):
        self.x = x
        self.segments: Segments | None = None
        if int(x.count_nonzero()) < DENSE * x.numel():
            row, column = x.nonzero(as_tuple=True)
            self.value = x[row, column]
            ptr = segment_ptr(torch.bincount(row, minlength=len(x)))
            self.segments = Segments(ptr, column, x.shape[1])

    def to(self, device: torch.device | str) -> SparseFeatures:
        """The same features on a device."""
        if self.x.to(device) is self.x:
            return self
        out = copy.copy(self)
        out.x = self.x.to(device)
        if self.segments is not None:
            out.value, out.segments = self.value.to(device), self.segments.to(device)
        return out

    def __call__(self, linear: nn.Linear, dropout: float = 0.0) -> Tensor:
        """Output of a linear layer on all rows, with dropout of the input entries."""
        if self.segments is None:
            dense: Tensor = linear(F.dropout(self.x, dropout))
            return dense
        out = self.segments.sum(linear.weight.T.contiguous(), F.dropout(self.value, dropout))
        return out if linear.bias is None else out + linear.bias
