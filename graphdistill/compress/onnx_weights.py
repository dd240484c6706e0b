"""Weights in an ONNX file as codes of levels, or as positions and values, from which the runtime computes them.

The steps are ONNX's own operators; onnxruntime takes them once, when it loads the file.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.compress.context import Part
from graphdistill.compress.levels import Quantized
from graphdistill.compress.sparse import Sparse
from graphdistill.core.networks.onnx import StoredWeight

_UINT8, _INT64, _BOOL = 2, 7, 9
"""Numbers of types in ONNX."""

_UNPACKED = f"""
    places = Constant <value_ints: ints = @shifts> ()
    shift = Cast <to = {_UINT8}> (places)
    moved = BitShift <direction = "RIGHT"> (packed, shift)
    ones = Constant <value_ints: ints = @mask> ()
    low_bits = Cast <to = {_UINT8}> (ones)
    parts = BitwiseAnd (moved, low_bits)
    one_row = Constant <value_ints = [-1]> ()
    small = Reshape (parts, one_row)
    numbers = Cast <to = {_INT64}> (small)
    first = Constant <value_ints = [0]> ()
    size = Constant <value_ints: ints = @count> ()
    codes = Slice (numbers, first, size)
    dims = Constant <value_ints: ints = @shape> ()
"""
"""From bytes of several small numbers each to all numbers, one after the other."""

_LEVELS = """
    unit = Gather (levels, codes)
    more = Constant <value_ints: ints = @missing> ()
    filled = Pad (unit, more)
    grid = Constant <value_ints: ints = @buckets> ()
    rows = Reshape (filled, grid)
    scaled = Mul (span, rows)
    values = Add (low, scaled)
    flat = Reshape (values, one_row)
    own = Slice (flat, first, size)
    weight = Reshape (own, dims)
"""

_ZEROS = f"""
    axis = Constant <value_int = 0> ()
    one = Constant <value_int = 1> ()
    order = CumSum (codes, axis)
    index = Sub (order, one)
    kept = Gather (values, index)
    mask_of_kept = Cast <to = {_BOOL}> (codes)
    nothing = Constant <value_float = 0.0> ()
    flat = Where (mask_of_kept, kept, nothing)
    sparse = Reshape (flat, dims)
"""

_BLOCKS = """
    grid = Constant <value_ints: ints = @blocks_of_inputs> ()
    spread = Expand (blocks, grid)
    two = Constant <value_ints: ints = @rows> ()
    wide = Reshape (spread, two)
    second = Constant <value_ints = [1]> ()
    last = Constant <value_ints: ints = @width> ()
    own = Slice (wide, first, last, second)
    whole = Reshape (own, dims)
    weight = Add (sparse, whole)
"""


def stored_weight(part: Part) -> StoredWeight:
    """What a file holds in place of a quantised or sparse weight: the runtime computes ``part.weight``, bit by bit.

    Args:
        part: the weight. Codes take 1, 2, 4 or 8 bits in the file, positions a bit for every weight.

    Example:
        >>> from graphdistill.compress.methods.quantized import rounded
        >>> part = rounded(torch.nn.Linear(100, 10), bits=2).parts["weight"]
        >>> stored_weight(part).tensors["packed"].shape  # four codes in a byte
        torch.Size([250, 1])
    """
    return _of_levels(part) if isinstance(part, Quantized) else _of_zeros(part)


def _of_levels(part: Quantized) -> StoredWeight:
    bits = (len(part.levels) - 1).bit_length()
    buckets = [len(part.low), part.bucket_size]
    tensors = {"levels": part.levels, "low": part.low[:, None], "span": part.span[:, None]}
    return _stored(
        "weight_of_levels",
        _LEVELS,
        part.codes,
        bits,
        tensors,
        {
            "missing": [0, buckets[0] * buckets[1] - part.codes.numel()],
            "buckets": buckets,
        },
    )


def _of_zeros(part: Sparse) -> StoredWeight:
    tensors = {"values": part.values}
    if not part.block_size:
        return _stored("weight_of_zeros", _ZEROS + "weight = Identity (sparse)", part.mask, 1, tensors, {})
    rows, inputs = part.mask.flatten(1).shape
    return _stored(
        "weight_of_zeros_and_blocks",
        _ZEROS + _BLOCKS,
        part.mask,
        1,
        tensors | {"blocks": part.blocks[:, :, None]},
        {
            "blocks_of_inputs": [*part.blocks.shape, part.block_size],
            "rows": [rows, -1],
            "width": [inputs],
        },
    )


def _stored(
    function: str, steps: str, codes: Tensor, bits: int, tensors: dict[str, Tensor], sizes: dict[str, list[int]]
) -> StoredWeight:
    """Codes of a few bits as bytes, with what the function needs to take them apart."""
    number = 8 // bits
    shifts = bits * torch.arange(number)
    flat = codes.reshape(-1).int()
    packed = (F.pad(flat, (0, -len(flat) % number)).view(-1, number) << shifts).sum(dim=1, keepdim=True)
    common = {"shape": list(codes.shape), "count": [len(flat)], "shifts": shifts.tolist(), "mask": [2**bits - 1]}
    return StoredWeight(function, _UNPACKED + steps, {"packed": packed.to(torch.uint8), **tensors}, common | sizes)
