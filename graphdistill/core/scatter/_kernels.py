"""The CUDA kernels: one program per segment and block of columns, no atomics, sums in a fixed order.

Offsets are 64-bit; halves are summed in float32. `_triton.py` launches them.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _larger(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def reduce_kernel(
    x,
    starts,
    stops,
    index,
    weight,
    count,
    origin,
    owner,
    out,
    squares,
    features,
    HAS_INDEX: tl.constexpr,
    HAS_WEIGHT: tl.constexpr,
    HAS_COUNT: tl.constexpr,
    MOMENTS: tl.constexpr,
    MAX: tl.constexpr,
    WIDE: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    """Reduce the (gathered, weighted) rows from ``starts[s]`` to ``stops[s]``.

    Moments are sums of rows and of their squares relative to the row ``origin[owner[s]]``.
    """
    s = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F)
    inside = column < features
    start, stop = tl.load(starts + s), tl.load(stops + s)
    one = tl.full([BLOCK_E, BLOCK_F], float("-inf") if MAX else 0.0, WIDE)
    two = tl.zeros([BLOCK_E, BLOCK_F], WIDE)
    if MOMENTS:
        zero = tl.load(origin + tl.load(owner + s) * features + column, inside, 0.0)
    for first in range(start, stop, BLOCK_E):
        entry = first + tl.arange(0, BLOCK_E)
        here = entry < stop
        row = tl.load(index + entry, here, 0) if HAS_INDEX else entry
        mask = here[:, None] & inside[None, :]
        value = tl.load(x + row[:, None] * features + column[None, :], mask, float("-inf") if MAX else 0.0).to(WIDE)
        if HAS_WEIGHT:
            value *= tl.load(weight + entry, here, 0.0).to(WIDE)[:, None]
        if MOMENTS:
            value = tl.where(mask, value - zero[None, :], 0.0)
            two += value * value
        one = _larger(one, value) if MAX else one + value
    if MAX:
        total = tl.where(start == stop, 0.0, tl.reduce(one, 0, _larger))
    else:
        total = tl.sum(one, 0)
    if HAS_COUNT:
        total /= tl.maximum(tl.load(count + s), 1).to(WIDE)
    tl.store(out + s * features + column, total, inside)
    if MOMENTS:
        tl.store(squares + s * features + column, tl.sum(two, 0), inside)


@triton.jit
def cut_kernel(ptr, twin, starts, stops, segment, LIMIT: tl.constexpr):
    """First and last entry of the pieces of a segment, of LIMIT entries each; an empty segment has one, too."""
    s = tl.program_id(0)
    start, stop, piece = tl.load(ptr + s), tl.load(ptr + s + 1), tl.load(twin + s)
    for first in range(start, tl.maximum(stop, start + 1), LIMIT):
        tl.store(starts + piece, first)
        tl.store(stops + piece, tl.minimum(first + LIMIT, stop))
        tl.store(segment + piece, s)
        piece += 1


@triton.jit
def dot_kernel(
    rows, x, owner, index, out, entries, features, WIDE: tl.constexpr, BLOCK_E: tl.constexpr, BLOCK_F: tl.constexpr
):
    """Dot product of ``rows[owner[e]]`` with ``x[index[e]]`` for each entry e."""
    entry = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    here = entry < entries
    left = tl.load(owner + entry, here, 0)[:, None] * features
    right = tl.load(index + entry, here, 0)[:, None] * features
    total = tl.zeros([BLOCK_E], WIDE)
    for first in range(0, features, BLOCK_F):
        column = (first + tl.arange(0, BLOCK_F))[None, :]
        mask = here[:, None] & (column < features)
        total += tl.sum(tl.load(rows + left + column, mask, 0.0).to(WIDE) * tl.load(x + right + column, mask, 0.0), 1)
    tl.store(out + entry, total, here)


@triton.jit
def repeat_kernel(x, owner, out, entries, features, BLOCK_E: tl.constexpr, BLOCK_F: tl.constexpr):
    """Copy ``x[owner[e]]`` to each entry e."""
    entry = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    column = (tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F))[None, :]
    mask = (entry < entries)[:, None] & (column < features)
    row = tl.load(owner + entry, entry < entries, 0)[:, None]
    tl.store(out + entry[:, None] * features + column, tl.load(x + row * features + column, mask), mask)


@triton.jit
def nearest_kernel(
    x,
    codebook,
    offset,
    out,
    n,
    codes,
    features,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_F: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Row of the codebook with the least ``offset - x . code``, the first of equals."""
    row = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    best = tl.full([BLOCK_N], float("inf"), x.dtype.element_ty)
    arg = tl.zeros([BLOCK_N], tl.int64)
    for start in range(0, codes, BLOCK_K):
        code = start + tl.arange(0, BLOCK_K).to(tl.int64)
        dots = tl.zeros([BLOCK_N, BLOCK_K], x.dtype.element_ty)
        for first in range(0, features, BLOCK_F):
            column = first + tl.arange(0, BLOCK_F)
            a = tl.load(
                x + row[:, None] * features + column[None, :],
                (row < n)[:, None] & (column < features)[None, :],
                0.0,
            )
            b = tl.load(
                codebook + code[None, :] * features + column[:, None],
                (code < codes)[None, :] & (column < features)[:, None],
                0.0,
            )
            dots += tl.dot(a, b, input_precision=PRECISION, out_dtype=x.dtype.element_ty)
        score = tl.load(offset + code, code < codes, float("inf"))[None, :] - dots
        low = tl.min(score, 1)
        where = start + tl.argmin(score, 1, tie_break_left=True).to(tl.int64)
        arg = tl.where(low < best, where, arg)
        best = tl.minimum(best, low)
    tl.store(out + row, arg, row < n)


@triton.jit
def hash_kernel(
    child,
    starts,
    stops,
    index,
    factor,
    label,
    out,
    segments,
    HAS_INDEX: tl.constexpr,
    HAS_FACTOR: tl.constexpr,
    FINAL: tl.constexpr,
    LABEL_FACTOR: tl.constexpr,
    MIX_1: tl.constexpr,
    MIX_2: tl.constexpr,
    BLOCK_S: tl.constexpr,
):
    """Sum the children's words of BLOCK_S trees in parallel; FINAL adds the label and scrambles."""
    tree = tl.program_id(0).to(tl.int64) * BLOCK_S + tl.arange(0, BLOCK_S)
    lane = tl.program_id(1)
    here = tree < segments
    start, stop = tl.load(starts + tree, here, 0), tl.load(stops + tree, here, 0)
    total = tl.zeros([BLOCK_S], tl.int64)
    for step in range(0, tl.max(stop - start, 0)):
        entry = start + step
        more = entry < stop
        row = tl.load(index + entry, more, 0) if HAS_INDEX else entry
        word = tl.load(child + row * 2 + lane, more, 0)
        if HAS_FACTOR:
            word *= tl.load(factor + entry, more, 0)
        total += word
    if FINAL:
        total += tl.load(label + tree * 2 + lane, here, 0) * LABEL_FACTOR
        z = total.to(tl.uint64, bitcast=True)
        z = (z ^ (z >> 30)).to(tl.int64, bitcast=True) * MIX_1
        z = z.to(tl.uint64, bitcast=True)
        z = (z ^ (z >> 27)).to(tl.int64, bitcast=True) * MIX_2
        z = z.to(tl.uint64, bitcast=True)
        total = (z ^ (z >> 31)).to(tl.int64, bitcast=True)
    tl.store(out + tree * 2 + lane, total, here)
