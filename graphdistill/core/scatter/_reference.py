"""What every kernel computes, in plain torch: the specification, and the kernels of the CPU.

Rows and entries are two-dimensional here and all input has been checked.
"""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse
import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.words import mix, word

LABEL = word(7)


def owners(ptr: Tensor, length: int) -> Tensor:
    """Segment of each of ``length`` entries, long ``[E]``."""
    return torch.bincount(ptr[1:-1], minlength=length + 1)[:length].cumsum(0)


def counts(ptr: Tensor) -> Tensor:
    """Entries of each segment as a column to divide by, at least 1."""
    return ptr.diff().clamp(min=1)[:, None]


def segment_reduce(x: Tensor, ptr: Tensor, reduce: str) -> Tensor:
    """Sum, mean or maximum of the rows of each segment."""
    if reduce != "max":
        return gather_segment(x, ptr, torch.arange(len(x), device=x.device), None, reduce)
    # Expanded, this index takes torch's own path for sorted rows, which nothing else in torch comes near.
    index = owners(ptr, len(x))[:, None].expand_as(x)
    out = x.new_empty(len(ptr) - 1, x.shape[1]).scatter_reduce_(0, index, x, "amax", include_self=False)
    return out.index_fill_(0, (ptr.diff() == 0).nonzero().view(-1), 0)


def segment_repeat(x: Tensor, ptr: Tensor, length: int) -> Tensor:
    """The row of its segment for each entry."""
    return x.index_select(0, owners(ptr, length))


def gather_segment(x: Tensor, ptr: Tensor, index: Tensor, weight: Tensor | None, reduce: str) -> Tensor:
    """Sum or mean of weighted gathered rows over each segment."""
    if x.dtype == torch.float64:
        # Bags of doubles have no fast kernel, sparse products have.
        values = x.new_ones(len(index)) if weight is None else weight
        out = csr(ptr, index, values, (len(ptr) - 1, len(x))) @ x
        return out / counts(ptr) if reduce == "mean" else out
    if not len(x):
        return x.new_zeros(len(ptr) - 1, x.shape[1])
    if reduce == "mean":
        # Divided before it is rounded, so that long segments of halves do not overflow.
        weight = None if weight is None else weight.float()
        return gather_segment(x.float(), ptr, index, weight, "sum").div_(counts(ptr)).to(x.dtype)
    return F.embedding_bag(index, x, ptr, mode="sum", per_sample_weights=weight, include_last_offset=True)


def gather_dot(rows: Tensor, x: Tensor, ptr: Tensor, index: Tensor) -> Tensor:
    """For each entry, the dot product of its segment's row of ``rows`` with the row of ``x`` that it gathers."""
    wide = torch.promote_types(x.dtype, torch.float32)
    rows, columns = rows.to(wide), x.to(wide).T
    if len(index) >= len(rows) * len(x):
        # Few pairs, often repeated; sparse products have no room for more entries than the dense matrix.
        return (rows @ columns)[owners(ptr, len(index)), index].to(x.dtype)
    pattern = csr(ptr, index, rows.new_zeros(len(index)), (len(rows), len(x)))
    out: Tensor = torch.sparse.sampled_addmm(pattern, rows, columns, beta=0).values()
    return out.to(x.dtype)


def transpose(ptr: Tensor, index: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Regroup entries by the row they gather: pointer, segment of each entry, and where it stood before."""
    order, twin = sort_by(index, num_rows)
    return twin, owners(ptr, len(index)).index_select(0, order), order


def sort_by(keys: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Stable order of keys below ``size``, and where each key starts in it."""
    length, most = len(keys), torch.iinfo(torch.int32).max
    if keys.is_cpu and length and max(length, size) < most:
        # Transposing a matrix with one entry a column is a counting sort, up to twelve times as fast as torch's sort.
        column = keys.int().numpy(), np.arange(length + 1, dtype=np.int32)
        sorted_ = scipy.sparse.csc_array((np.ones(length, np.int8), *column), shape=(size, length)).tocsr()
        return torch.from_numpy(sorted_.indices).long(), torch.from_numpy(sorted_.indptr).long()
    total = torch.bincount(keys, minlength=size).cumsum(0)
    return keys.sort(stable=True).indices, torch.cat([total.new_zeros(1), total])


def class_moments(x: Tensor, order: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and second moment of the rows of each class."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    mean, second = (gather_segment(v, ptr, order, None, "mean").to(x.dtype) for v in (wide, wide.square()))
    return mean, second


def nearest(x: Tensor, codebook: Tensor, offset: Tensor) -> Tensor:
    """Row of the codebook with the least ``offset - x . code``, the first of equals."""
    return torch.addmm(offset, x, codebook.T, alpha=-1).min(dim=1).indices


def tree_hash_step(label: Tensor, child: Tensor, ptr: Tensor, index: Tensor, factor: Tensor | None) -> Tensor:
    """One refinement step on two 64-bit lanes."""
    total = child.new_zeros(len(index) + 1, 2)
    torch.index_select(child, 0, index, out=total[1:])
    if factor is not None:
        total[1:] *= factor
    # Differences of running sums are exact: arithmetic modulo 2^64 forgets nothing.
    out = total.cumsum_(0).index_select(0, ptr).diff(dim=0)
    return mix(out.add_(label, alpha=LABEL))


def csr(ptr: Tensor, index: Tensor, weight: Tensor, shape: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():
        # torch calls its CSR support beta; the products used here are what vendors have done for decades.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(ptr, index, weight, shape, check_invariants=False)
