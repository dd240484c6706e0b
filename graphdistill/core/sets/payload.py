"""Checks of untrusted named tensors from a file or a message: first names, dtypes and shapes, then values.

The same checks read the header of a file, before its tensors take memory, and the tensors of a message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from graphdistill.core.data.datasets import FeatureKind, Task
from graphdistill.core.data.tensors import segment_ptr
from graphdistill.core.trees import varint

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
STREAM = (torch.uint8,)
MAX_CLASSES = 2**20
"""Largest number of classes, or of categories of a feature: each takes memory in networks and counts."""
MAX_COUNT = 2**31 - 1
"""Largest count of a tree in a graph, and largest number of neighbours of a node."""


class Declared(Protocol):
    """A tensor, or its entry in a header."""

    @property
    def dtype(self) -> torch.dtype:
        """Its dtype."""

    @property
    def shape(self) -> Any:
        """Its sizes."""


D = TypeVar("D", bound=Declared)


def check_names(payload: Collection[str], needed: Collection[str], allowed: Collection[str] = ()) -> None:
    """Fail unless all ``needed`` names are present, and no others except ``allowed`` ones."""
    if missing := sorted(set(needed) - set(payload)):
        raise ValueError(f"holds no {missing[0]!r}")
    if more := sorted(set(payload) - set(needed) - set(allowed)):
        raise ValueError(f"holds {more[0][:80]!r}, which is not expected")


def check_tensor(
    payload: Mapping[str, D],
    name: str,
    dtypes: Collection[torch.dtype],
    *sizes: int | None,
    at_least: int | None = None,
) -> D:
    """Fail unless a tensor has one of the dtypes and the given sizes; ``None`` allows any size.

    Args:
        payload: the tensors, or their entries in a header.
        name: name of the tensor.
        dtypes: allowed dtypes.
        sizes: expected shape; empty for a single number.
        at_least: smallest number of dimensions, if sizes are not checked. (default: the number of ``sizes``)

    Example:
        >>> check_tensor({"y": torch.zeros(2, 3)}, "y", FLOATS, None, 3).shape
        torch.Size([2, 3])
    """
    found = payload[name]
    shape = list(found.shape)
    fits = len(shape) == len(sizes) and all(want in (None, have) for want, have in zip(sizes, shape, strict=True))
    if at_least is not None:
        fits = len(shape) >= at_least
    if found.dtype not in dtypes or not fits:
        wanted = " or ".join(_short(dtype) for dtype in dtypes)
        if at_least is None:
            wanted += f" [{', '.join('any' if size is None else f'{size}' for size in sizes)}]"
        raise ValueError(f"holds {name} of {_short(found.dtype)} {shape}, expected {wanted}")
    return found


def check_streams(payload: Mapping[str, Declared], streams: Collection[str]) -> None:
    """Fail unless the tensors of trees are present: ``x`` and byte streams; ``edge_attr`` is optional."""
    check_names(payload, ["x", *streams], ["edge_attr"])
    for name in streams:
        check_tensor(payload, name, STREAM, None)
    for name in {"x", "edge_attr"} & payload.keys():
        check_tensor(payload, name, (*INTEGERS, *FLOATS), None, None)


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def check_range(name: str, values: Tensor, least: int, most: float) -> Tensor:
    """Fail unless all ``values`` are from ``least`` to ``most``; returns them.

    Example:
        >>> check_range("own1", torch.tensor([0, 2]), 0, 2).tolist()
        [0, 2]
    """
    for value in values.aminmax() if values.numel() else ():
        if not least <= value.item() <= most:
            limits = f"from {least} to {most}" if least <= most else "none at all"
            raise ValueError(f"holds {value.item()} in {name}, expected {limits}")
    return values


def check_finite(name: str, values: Tensor) -> Tensor:
    """Fail if a float is NaN or infinite; returns the values."""
    if values.is_floating_point() and not bool(torch.isfinite(values).all()):
        place = (~torch.isfinite(values)).nonzero()[0].tolist()
        raise ValueError(f"holds {values[tuple(place)].item()} in {name} at {place}, expected finite numbers")
    return values


def read_stream(
    payload: Mapping[str, Tensor], name: str, *, length: int | None = None, most: int = MAX_COUNT
) -> Tensor:
    """Integers of a byte stream, each from 0 to ``most``, long ``[length]``."""
    try:
        values = varint.decode(payload[name])
    except ValueError as error:
        raise ValueError(f"holds {name} that cannot be read: {error}") from None
    if length is not None and len(values) != length:
        raise ValueError(f"holds {len(values)} numbers in {name}, expected {length}")
    return check_range(name, values, 0, most)


def read_counts(payload: Mapping[str, Tensor], name: str, *, total: int, length: int | None = None) -> Tensor:
    """Segment pointers from a stream of sizes that sum to ``total``; long ``[length + 1]``."""
    # Each is at most the total, and there are at most as many as the file has bytes, so the sum cannot overflow.
    ptr = segment_ptr(read_stream(payload, name, length=length, most=total))
    if int(ptr[-1]) != total:
        raise ValueError(f"holds counts in {name} that sum to {int(ptr[-1])}, expected {total}")
    return ptr


def check_labels(y: Tensor, task: Task) -> Tensor:
    """Fail unless labels are classes, class probabilities, or tasks or targets with NaN for unknown; returns them.

    Example:
        >>> check_labels(torch.tensor([0, 2]), "multiclass").tolist()
        [0, 2]
    """
    if y.dim() == 1:
        if task in ("multilabel", "regression"):
            raise ValueError(f"holds y of one dimension, expected [entries, tasks] with task {task}")
        return check_range("y", y, 0, MAX_CLASSES - 1)
    if task == "regression":
        check_finite("y", torch.where(torch.isnan(y), 0, y))
    else:
        check_range("y", y.nan_to_num() if task == "multilabel" else check_finite("y", y), 0, 1)
    return y


def check_categories(x: Tensor, edge_attr: Tensor | None, features: FeatureKind) -> None:
    """Fail unless categories of nodes and edges are within the limits of networks; for molecules those of OGB."""
    sizes: dict[str, list[int]] = {}
    if features == "ogb":
        from ogb.utils.features import get_atom_feature_dims, get_bond_feature_dims  # takes half a second

        sizes = {"x": get_atom_feature_dims(), "edge_attr": get_bond_feature_dims()}
    for name, values in (("x", x), ("edge_attr", edge_attr)):
        if values is None:
            continue
        if name in sizes:
            check_tensor({name: values}, name, INTEGERS, None, len(sizes[name]))
            for number, size in enumerate(sizes[name]):
                check_range(f"column {number} of {name}", values[:, number], 0, size - 1)
        elif not values.is_floating_point():
            check_range(name, values, -MAX_CLASSES, MAX_CLASSES - 1)
