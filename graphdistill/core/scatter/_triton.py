"""Launchers of the CUDA kernels.

Segments of more than `LIMIT` entries are cut into chunks whose partial results a second launch reduces in order, so
that one hub of a power-law graph does not delay the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from graphdistill.core.data.tensors import segment_ptr
from graphdistill.core.scatter._kernels import (
    cut_kernel,
    dot_kernel,
    hash_kernel,
    nearest_kernel,
    reduce_kernel,
    repeat_kernel,
)
from graphdistill.core.scatter._reference import LABEL, LIMIT, around_zero, counts, origins, owners
from graphdistill.core.scatter._remember import remembered
from graphdistill.core.splitmix64 import FACTORS, signed

_TL = {torch.float64: tl.float64}


class _Chunks(NamedTuple):
    """First and last entry of each piece to reduce; if any segment is long, the piece's segment and first pieces."""

    start: Tensor
    stop: Tensor
    segment: Tensor | None = None
    twin: Tensor | None = None


def _chunks(ptr: Tensor, short: bool = False) -> _Chunks:
    ptr = ptr.contiguous()
    if short or len(ptr) < 2 or remembered(ptr, _longest) <= LIMIT:
        return _Chunks(ptr[:-1], ptr[1:])
    return remembered(ptr, _cut, LIMIT)


def _longest(ptr: Tensor) -> int:
    return int(ptr.diff().max())


def _cut(ptr: Tensor, limit: int) -> _Chunks:
    lengths = ptr.diff().add_(limit - 1).div_(limit, rounding_mode="floor").clamp_(min=1)
    twin = segment_ptr(lengths)
    start, stop, segment = ptr.new_empty(3, int(twin[-1]))
    cut_kernel[(len(lengths),)](ptr, twin, start, stop, segment, LIMIT=limit, num_warps=1)
    return _Chunks(start, stop, segment, twin)


def _reduce(
    x: Tensor,
    ptr: Tensor,
    index: Tensor | None,
    weight: Tensor | None,
    reduce: str,
    out_dtype: torch.dtype,
    *,
    origin: Tensor | None = None,
    short: bool = False,
) -> tuple[Tensor, Tensor]:
    x = x.contiguous()
    features = x.shape[1]
    wide = torch.promote_types(x.dtype, torch.float32 if origin is None else torch.float64)
    start, stop, segment, twin = _chunks(ptr, short)
    last = twin is None
    if segment is None and origin is not None:
        segment = torch.arange(len(start), device=x.device)
    out = x.new_empty(len(start), features, dtype=out_dtype if last else wide)
    second = out if origin is None else torch.empty_like(out)
    block = min(64, triton.next_power_of_2(max(features, 1)))
    if out.numel():
        reduce_kernel[(len(start), triton.cdiv(features, block))](
            x,
            start,
            stop,
            start if index is None else index.contiguous(),
            x if weight is None else weight.contiguous(),
            ptr.diff() if reduce == "mean" and last else start,
            x if origin is None else origin.contiguous(),
            start if segment is None else segment,
            out,
            second,
            features,
            HAS_INDEX=index is not None,
            HAS_WEIGHT=weight is not None,
            HAS_COUNT=reduce == "mean" and last,
            MOMENTS=origin is not None,
            MAX=reduce == "max",
            WIDE=_TL.get(wide, tl.float32),
            BLOCK_E=min(64, 512 // block),
            BLOCK_F=block,
            num_warps=1,
        )
    if twin is None:
        return out, second
    count = counts(ptr)
    tops = []
    for part in (out,) if origin is None else (out, second):
        top = _reduce(part, twin, None, None, "max" if reduce == "max" else "sum", wide)[0]
        tops.append((top / count if reduce == "mean" else top).to(out_dtype))
    return tops[0], tops[-1]


def _there(launch: Callable[..., Any]) -> Callable[..., Any]:
    """Launch on the device of the first tensor, which may differ from the current one."""

    @functools.wraps(launch)
    def inner(x: Tensor, *args: Any) -> Any:
        with torch.cuda.device_of(x):
            return launch(x, *args)

    return inner


@_there
def segment_reduce(x: Tensor, ptr: Tensor, reduce: str, short: bool = False) -> Tensor:
    """Sum, mean or maximum of the rows of each segment."""
    return _reduce(x, ptr, None, None, reduce, x.dtype, short=short)[0]


@_there
def gather_segment(
    x: Tensor, ptr: Tensor, index: Tensor, weight: Tensor | None, reduce: str, short: bool = False
) -> Tensor:
    """Sum or mean of weighted gathered rows over each segment."""
    return _reduce(x, ptr, index, weight, reduce, x.dtype, short=short)[0]


@_there
def class_moments(x: Tensor, y: Tensor, order: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, second moment and variance of the rows of each class, the last two computed in float64."""
    origin = origins(x, order, ptr)
    one, two = _reduce(x, ptr, order, None, "sum", torch.double, origin=origin)
    mean = (origin + one / counts(ptr)).to(x.dtype)
    return mean, *around_zero(one, two, origin, ptr, x.dtype)


@_there
def segment_repeat(x: Tensor, ptr: Tensor, length: int) -> Tensor:
    """The row of its segment for each entry."""
    x = x.contiguous()
    features = x.shape[1]
    out = x.new_empty(length, features)
    block = min(64, triton.next_power_of_2(max(features, 1)))
    if out.numel():
        grid = (triton.cdiv(length, 32), triton.cdiv(features, block))
        repeat_kernel[grid](x, owners(ptr, length), out, length, features, BLOCK_E=32, BLOCK_F=block)
    return out


@_there
def gather_dot(rows: Tensor, x: Tensor, ptr: Tensor, index: Tensor) -> Tensor:
    """For each entry, the dot product of its segment's row of ``rows`` with the row of ``x`` that it gathers."""
    rows, x, index = rows.contiguous(), x.contiguous(), index.contiguous()
    out = x.new_empty(len(index))
    wide = _TL.get(x.dtype, tl.float32)
    if len(index):
        grid = (triton.cdiv(len(index), 32),)
        owner = owners(ptr, len(index))
        dot_kernel[grid](
            rows, x, owner, index, out, len(index), x.shape[1], WIDE=wide, BLOCK_E=32, BLOCK_F=64, num_warps=2
        )
    return out


def nearest_numbers(features: int, codes: int) -> int:
    """Numbers of temporary memory for each row: its difference and product with a code, and its shifted copy."""
    return 3 * features


@_there
def nearest(x: Tensor, codebook: Tensor, offset: Tensor) -> Tensor:
    """Row of the codebook with the least ``offset - x . code``, the first of equals."""
    x, codebook, offset = x.contiguous(), codebook.contiguous(), offset.contiguous()
    out = torch.empty(len(x), dtype=torch.long, device=x.device)
    if len(x):
        grid = (triton.cdiv(len(x), 64),)
        nearest_kernel[grid](
            x,
            codebook,
            offset,
            out,
            len(x),
            len(codebook),
            x.shape[1],
            BLOCK_N=64,
            BLOCK_K=64,
            BLOCK_F=32,
            PRECISION="ieee" if x.dtype == torch.float64 else "tf32x3",
        )
    return out


@_there
def tree_hash_step(label: Tensor, child: Tensor, ptr: Tensor, index: Tensor, factor: Tensor | None) -> Tensor:
    """One refinement step on two 64-bit lanes."""
    row: Tensor | None = index
    start, stop, _, twin = _chunks(ptr)
    while twin is not None:
        child, row, factor = _words(child, start, stop, row, factor, None), None, None
        start, stop, _, twin = _chunks(twin)
    return _words(child, start, stop, row, factor, label)


def _words(
    child: Tensor, start: Tensor, stop: Tensor, index: Tensor | None, factor: Tensor | None, label: Tensor | None
) -> Tensor:
    child = child.contiguous()
    out = child.new_empty(len(start), 2)
    if len(start):
        hash_kernel[(triton.cdiv(len(start), 64), 2)](
            child,
            start,
            stop,
            start if index is None else index.contiguous(),
            start if factor is None else factor.contiguous(),
            start if label is None else label.contiguous(),
            out,
            len(start),
            HAS_INDEX=index is not None,
            HAS_FACTOR=factor is not None,
            FINAL=label is not None,
            LABEL_FACTOR=LABEL,
            MIX_1=signed(FACTORS[0]),
            MIX_2=signed(FACTORS[1]),
            BLOCK_S=64,
        )
    return out
