"""Tensors of a set of images, nodes or rows as they are stored: a stream of the codec of arrays each.

Edges are stored as one number each, the difference of ``source * n + target`` from that of the edge before, which is
small where edges are sorted; their order is kept.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graphdistill.core.codec import decode_array, encode_array
from graphdistill.core.data.datasets import Task
from graphdistill.core.data.tensors import downcast
from graphdistill.core.sets.half_precision import half_exponent, on_grid, round_half, scaled, to_half
from graphdistill.core.sets.payload import FLOATS, INTEGERS, STREAM, Declared, check_names, check_tensor

MOST_VALUES = 1 << 22
"""Values that any stream may hold, and ``VALUES_PER_BYTE`` more for each of its bytes: a damaged one ends soon."""
VALUES_PER_BYTE = 1024


def store_arrays(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Code tensors.

    Args:
        tensors: tensors by name; a stream is a tensor of bytes with the same name.

    Raises:
        ValueError: a tensor is of a dtype that the codec does not have, or larger than a reader accepts.

    Example:
        >>> streams = store_arrays({"y": torch.arange(200) % 2})
        >>> len(streams["y"]), read_arrays(streams)["y"].shape
        (14, torch.Size([200]))
    """
    out = {}
    for name, values in tensors.items():
        try:
            data = encode_array(values)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if values.numel() > limit_of(len(data)):
            raise ValueError(f"{name} has {values.numel():,} values, nearly all of them equal; store fewer entries")
        out[name] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    return out


def read_arrays(payload: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of :func:`store_arrays`.

    Raises:
        ValueError: a stream was changed or cut.
    """
    check_coded(payload)
    out = {}
    for name, stream in payload.items():
        try:
            out[name] = decode_array(stream.numpy().tobytes(), limit=limit_of(len(stream)))
        except ValueError as error:
            raise ValueError(f"holds {name} that cannot be read: {error}") from None
    return out


def check_coded(payload: Mapping[str, Declared]) -> None:
    """Fail unless all tensors of a payload or of its header are streams."""
    for name in payload:
        check_tensor(payload, name, STREAM, None)


def check_arrays(payload: Mapping[str, Tensor]) -> None:
    """Check dtypes and shapes of the tensors of :meth:`~graphdistill.core.sets.synthetic.SyntheticSet.arrays`.

    Raises:
        ValueError: with the name of the tensor.
    """
    name = "pixels" if "pixels" in payload else "features"
    # Hard labels are integers, soft ones bytes or floats.
    soft = len(payload["y"].shape) == 2
    kinds, sizes = ((torch.uint8, torch.float32), (None, None)) if soft else (INTEGERS, (None,))
    entries = check_tensor(payload, "y", kinds, *sizes).shape[0]
    if "weight" in payload:
        check_tensor(payload, "weight", (torch.float32,), entries)
    if "edge_gap" in payload or "edge_weight" in payload:
        check_names(payload, ["edge_gap", "edge_weight"], payload)
        num_edges = check_tensor(payload, "edge_weight", (torch.float16, torch.float32), None).shape[0]
        check_tensor(payload, "edge_gap", INTEGERS, num_edges)
    found = check_tensor(payload, name, STREAM if name == "pixels" else (*INTEGERS, *FLOATS), at_least=1)
    if found.shape[0] != entries:
        raise ValueError(f"holds {found.shape[0]} entries in {name} and {entries} in y")
    if "feature_exponent" in payload:
        allowed = (torch.int8, torch.int16, torch.float16)
        columns = check_tensor(payload, "features", allowed, entries, None).shape[1]
        one = payload["features"].dtype != torch.float16  # one power of two for all integers
        check_tensor(payload, "feature_exponent", (torch.int8,), 1 if one else columns)


def pack_features(x: Tensor) -> dict[str, Tensor]:
    """Features as pixels, integers of a power of two, or half precision with powers of two per column, if exact."""
    if x.dtype == torch.float32:
        # Compared bitwise, because -0.0 would load as 0.0; NaN is never exact.
        pixels = (x.nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8)
        if torch.equal((pixels.float() / 255).view(torch.int32), x.contiguous().view(torch.int32)):
            return {"pixels": pixels}
        if x.dim() == 2 and bool(torch.isfinite(x).all()) and (grid := on_grid(x)) is not None:
            return {"features": grid[0], "feature_exponent": grid[1]}
    packed = to_half(x)
    if x.dtype == packed.dtype == torch.float32 and x.dim() == 2 and bool(torch.isfinite(x).all()):
        exponent = half_exponent(x)
        if torch.equal(round_half(x), x):
            return {"features": scaled(x, -exponent).half(), "feature_exponent": exponent.to(torch.int8)}
    return {"features": packed}


def quantize_labels(y: Tensor, task: Task) -> Tensor:
    """Multiples of 1/254 as bytes, 255 for NaN; without the last of C classes."""
    columns = y[:, :-1] if task == "multiclass" else y
    steps = (columns.nan_to_num() * 254).round()
    return torch.where(torch.isnan(columns), 255.0, steps).to(torch.uint8)


def pack_labels(y: Tensor, task: Task) -> Tensor:
    """Labels to store: integers of the smallest dtype, bytes if that is exact, otherwise floats."""
    if not y.is_floating_point():
        return downcast(y)
    if task == "regression":
        return y
    packed = quantize_labels(y, task)
    exact = torch.equal(unpack_labels(packed, task).nan_to_num(-1), y.nan_to_num(-1))
    return packed if exact else y


def unpack_labels(packed: Tensor, task: Task) -> Tensor:
    """Undo :func:`pack_labels`."""
    if packed.dim() == 1:
        return packed.long()
    if packed.is_floating_point():
        return packed
    y = torch.where(packed == 255, torch.nan, packed.float() / 254)
    if task == "multilabel":
        return y
    return torch.cat([y, (1 - y.sum(dim=1, keepdim=True)).clamp(min=0)], dim=1)


def gaps(numbers: Tensor) -> Tensor:
    """Difference of each integer from the one before, of the first from 0; small where they ascend slowly.

    Example:
        >>> gaps(torch.tensor([3, 4, 9])).tolist()
        [3, 1, 5]
    """
    return numbers.diff(prepend=numbers.new_zeros(1))


def edge_gaps(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Edges as differences of their numbers, long ``[E]``.

    Example:
        >>> edge_gaps(torch.tensor([[0, 0, 1], [1, 2, 0]]), 3).tolist()
        [1, 1, 1]
    """
    return gaps(edge_index[0].long() * num_nodes + edge_index[1].long())


def edges_of_gaps(gaps: Tensor, num_nodes: int) -> Tensor:
    """Undo :func:`edge_gaps`, long ``[2, E]``; ends of damaged streams are outside of the nodes."""
    number = gaps.long().cumsum(0)
    return torch.stack([number.div(max(num_nodes, 1), rounding_mode="floor"), number % max(num_nodes, 1)])


def limit_of(length: int) -> int:
    """Values that a stream of ``length`` bytes may hold."""
    return MOST_VALUES + VALUES_PER_BYTE * length
