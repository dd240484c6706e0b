"""Plain torch implementation of every kernel: the specification, and the CPU kernels.

Rows and entries are two-dimensional, and all input is checked before.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from graphdistill.core.data.tensors import segment_ptr
from graphdistill.core.scatter._remember import remembered
from graphdistill.core.splitmix64 import mix, word

LABEL = word(7)

LIMIT = 256
"""Entries of the longest segment that is summed in one run."""
PIECE = 64
"""Entries of the pieces of longer ones, added in float64: runs in float32 lose digits with every entry."""
BLOCK = 1 << 17
"""Numbers that the moments convert to float64 at a time, so that they stay in the cache."""


def owners(ptr: Tensor, length: int) -> Tensor:
    """Segment of each of ``length`` entries, long ``[E]``."""
    return torch.repeat_interleave(ptr.diff(), output_size=length)


def counts(ptr: Tensor) -> Tensor:
    """Entries of each segment as a column to divide by, at least 1."""
    return ptr.diff().clamp(min=1)[:, None]


class Pieces(NamedTuple):
    """Segments, the long ones in pieces.

    Attributes:
        bounds: first entry of each piece and E at the end, long ``[K + 1]``.
        ptr: first piece of each segment and K at the end, long ``[S + 1]``.
        long: the segments that are in pieces, long ``[L]``.
        of_long: the pieces of those, long ``[M]``.
        long_ptr: first of these of each long segment and M at the end, long ``[L + 1]``.
    """

    bounds: Tensor
    ptr: Tensor
    long: Tensor
    of_long: Tensor
    long_ptr: Tensor


def pieces(ptr: Tensor, limit: int = LIMIT, size: int = PIECE) -> Pieces | None:
    """Cut segments of more than ``limit`` entries into pieces of ``size``; ``None`` if there are none so long.

    The cuts depend on the length of a segment alone, not on the number of threads. The result for a pointer is cached
    as long as the pointer exists.
    """
    return remembered(ptr, _cut, limit, size)


def _cut(ptr: Tensor, limit: int, size: int) -> Pieces | None:
    length = ptr.diff()
    if len(ptr) < 2 or int(length.max()) <= limit:
        return None
    long = (length > limit).nonzero().view(-1)
    twin = segment_ptr(torch.where(length > limit, (length + size - 1) // size, 1))
    owner = owners(twin, int(twin[-1]))
    start = ptr[owner] + (torch.arange(len(owner), device=ptr.device) - twin[owner]) * size
    of_long = (length > limit)[owner].nonzero().view(-1)
    return Pieces(torch.cat([start, ptr[-1:]]), twin, long, of_long, segment_ptr(twin.diff()[long]))


def segment_reduce(x: Tensor, ptr: Tensor, reduce: str, short: bool = False) -> Tensor:
    """Sum, mean or maximum of the rows of each segment."""
    if reduce != "max":
        return gather_segment(x, ptr, torch.arange(len(x), device=x.device), None, reduce, short)
    # Expanded, this index takes torch's path for sorted rows, by far the fastest.
    index = owners(ptr, len(x))[:, None].expand_as(x)
    out = x.new_empty(len(ptr) - 1, x.shape[1]).scatter_reduce_(0, index, x, "amax", include_self=False)
    return out.index_fill_(0, (ptr.diff() == 0).nonzero().view(-1), 0)


def segment_repeat(x: Tensor, ptr: Tensor, length: int) -> Tensor:
    """The row of its segment for each entry."""
    return x.index_select(0, owners(ptr, length))


def gather_segment(
    x: Tensor, ptr: Tensor, index: Tensor, weight: Tensor | None, reduce: str, short: bool = False
) -> Tensor:
    """Sum or mean of weighted gathered rows over each segment; ``short``: none is long."""
    if x.dtype == torch.float64:
        # Bags of doubles have no fast kernel, sparse products have.
        values = x.new_ones(len(index)) if weight is None else weight
        out = csr(ptr, index, values, (len(ptr) - 1, len(x))) @ x
        return out / counts(ptr) if reduce == "mean" else out
    if not len(x):
        return x.new_zeros(len(ptr) - 1, x.shape[1])
    if reduce == "mean":
        # Divided before rounding, so that long segments of half precision do not overflow.
        weight = None if weight is None else weight.float()
        return gather_segment(x.float(), ptr, index, weight, "sum", short).div_(counts(ptr)).to(x.dtype)
    cut = None if short else pieces(ptr)
    if cut is None:
        return _bags(x, ptr, index, weight)
    parts = _bags(x.float(), cut.bounds, index, None if weight is None else weight.float())
    if len(cut.long) == len(ptr) - 1:
        return segment_reduce(parts.double(), cut.ptr, "sum").to(x.dtype)
    out = parts.index_select(0, cut.ptr[:-1])
    out[cut.long] = segment_reduce(parts.index_select(0, cut.of_long).double(), cut.long_ptr, "sum").float()
    return out.to(x.dtype)


def _bags(x: Tensor, ptr: Tensor, index: Tensor, weight: Tensor | None) -> Tensor:
    # Detached: otherwise bags prepare a backward pass, which is implemented elsewhere. Mode 0 is the sum.
    weight = None if weight is None else weight.detach()
    out: Tensor = torch.embedding_bag(x.detach(), index, ptr, False, 0, False, weight, True)[0]
    return out


def gather_dot(rows: Tensor, x: Tensor, ptr: Tensor, index: Tensor) -> Tensor:
    """For each entry, the dot product of its segment's row of ``rows`` with the row of ``x`` that it gathers."""
    wide = torch.promote_types(x.dtype, torch.float32)
    rows, columns = rows.to(wide), x.to(wide).T
    if len(index) >= len(rows) * len(x):
        # Few pairs, often repeated; sparse products do not support more entries than the dense matrix.
        return (rows @ columns)[owners(ptr, len(index)), index].to(x.dtype)
    pattern = csr(ptr, index, rows.new_zeros(len(index)), (len(rows), len(x)))
    out: Tensor = torch.sparse.sampled_addmm(pattern, rows, columns, beta=0).values()
    return out.to(x.dtype)


def transpose(ptr: Tensor, index: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Regroup entries by the row they gather: pointer, segment of each entry, and its old position."""
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
    # A radix sort takes a pass for every few bits.
    dtype = next(d for d in (torch.int16, torch.int32, torch.int64) if size <= torch.iinfo(d).max)
    keys, order = keys.to(dtype).sort(stable=True)
    return order, torch.searchsorted(keys, torch.arange(size + 1, dtype=dtype, device=keys.device))


def class_moments(x: Tensor, y: Tensor, order: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, second moment and variance of the rows of each class, the last two computed in float64."""
    mean = gather_segment(x.to(torch.promote_types(x.dtype, torch.float32)), ptr, order, None, "mean").to(x.dtype)
    origin = origins(x, order, ptr)
    one, two = torch.zeros_like(origin), torch.zeros_like(origin)
    owner, size = y.index_select(0, order), max(1, BLOCK // max(1, x.shape[1]))
    for first in range(0, len(order), size):
        rows, own = order[first : first + size], owner[first : first + size]
        low, high = int(own[0]), int(own[-1]) + 1
        apart = x.index_select(0, rows).double()
        if high - low == 1 and x.shape[1] > 1:  # a sum to one number would depend on the number of threads
            one[low] += apart.sub_(origin[low]).sum(dim=0)
            two[low] += apart.square_().sum(dim=0)
            continue
        part = (ptr[low : high + 1] - first).clamp_(0, len(rows))
        one[low:high] += segment_reduce(apart.sub_(origin.index_select(0, own)), part, "sum")
        two[low:high] += segment_reduce(apart.square_(), part, "sum")
    return mean, *around_zero(one, two, origin, ptr, x.dtype)


def origins(x: Tensor, order: Tensor, ptr: Tensor) -> Tensor:
    """A finite row of each class in float64 as origin, zeros if it has none, so that differences stay precise."""
    if not len(order):
        return x.new_zeros(len(ptr) - 1, x.shape[1], dtype=torch.double)
    row = x.index_select(0, order[ptr[:-1].clamp(max=len(order) - 1)]).double()
    return row.masked_fill_((ptr.diff() == 0)[:, None], 0).nan_to_num_(0, 0, 0)


def around_zero(one: Tensor, two: Tensor, origin: Tensor, ptr: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Second moment and variance of each class, from sums of its rows and their squares relative to the origin."""
    one, two = one / counts(ptr), two / counts(ptr)
    second = two + 2 * origin * one + origin.square()
    return second.to(dtype), (two - one.square()).clamp(min=0).to(dtype)


def nearest_numbers(features: int, codes: int) -> int:
    """Numbers of temporary memory for each row: also its distances to all codes."""
    return codes + 3 * features


def nearest(x: Tensor, codebook: Tensor, offset: Tensor) -> Tensor:
    """Row of the codebook with the least ``offset - x . code``, the first of equals."""
    return torch.addmm(offset, x, codebook.T, alpha=-1).min(dim=1).indices


def tree_hash_step(label: Tensor, child: Tensor, ptr: Tensor, index: Tensor, factor: Tensor | None) -> Tensor:
    """One refinement step on two 64-bit lanes."""
    total = child.new_zeros(len(index) + 1, 2)
    torch.index_select(child, 0, index, out=total[1:])
    if factor is not None:
        total[1:] *= factor
    # Differences of running sums are exact: arithmetic modulo 2^64 is exact.
    out = total.cumsum_(0).index_select(0, ptr).diff(dim=0)
    return mix(out.add_(label, alpha=LABEL))


def csr(ptr: Tensor, index: Tensor, weight: Tensor, shape: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():
        # torch's CSR support is beta, but the products used here are standard vendor routines.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        # Some versions of torch say so even where it is asked for.
        warnings.filterwarnings("ignore", message="Sparse invariant checks are implicitly disabled")
        return torch.sparse_csr_tensor(ptr, index, weight, shape, check_invariants=False)
