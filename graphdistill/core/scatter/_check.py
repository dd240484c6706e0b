"""Input checks of segment operations, before any kernel runs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphdistill.core.scatter._remember import remembered


def rows(name: str, x: Tensor, dims: tuple[int, ...] = (1, 2)) -> None:
    """Fail unless ``x`` is a floating tensor of one of the numbers of dimensions."""
    if not x.is_floating_point():
        raise ValueError(f"{name} must be floating, got {x.dtype}; convert it with .float()")
    if x.dim() not in dims:
        wanted = " or ".join({1: "[n]", 2: "[n, F]"}[d] for d in dims)
        raise ValueError(f"{name} must have shape {wanted}, got {list(x.shape)}")


def alike(name: str, value: Tensor, other: str, than: Tensor, *, dtype: bool = True) -> None:
    """Fail unless two tensors have the same device and, with ``dtype``, the same dtype."""
    if value.device != than.device:
        raise ValueError(f"{name} is on {value.device} but {other} on {than.device}; move them to one device")
    if dtype and value.dtype != than.dtype:
        raise ValueError(f"{name} is {value.dtype} but {other} {than.dtype}; convert one of them")


def per_row(name: str, value: Tensor, other: str, of: Tensor) -> None:
    """Fail unless ``value`` has one entry for each row of another tensor."""
    if not value.dim() or value.shape[:1] != of.shape[:1]:
        raise ValueError(
            f"{name} must have a row for each of {other}, whose shape is {list(of.shape)}, got {list(value.shape)}"
        )


def weights(weight: Tensor | None, index: Tensor) -> None:
    """Fail unless there is no weight, or one number for each entry."""
    if weight is not None and (weight.dim() != 1 or weight.shape != index.shape):
        raise ValueError(
            f"weight must be [E] with a number for each entry of index, whose shape is {list(index.shape)}, "
            f"got {list(weight.shape)}"
        )


def size(name: str, value: int) -> None:
    """Fail if a number is negative."""
    if value < 0:
        raise ValueError(f"{name} must be 0 or more, got {value}")


def integers(name: str, value: Tensor, below: int | None = None) -> None:
    """Fail unless ``value`` is long ``[n]``, from 0 and, if given, below a bound."""
    if value.dtype != torch.long or value.dim() != 1:
        raise ValueError(f"{name} must be long [n], got {value.dtype} {list(value.shape)}")
    if not len(value):
        return
    low, high = _read(value, _extremes)
    if low < 0 or (below is not None and high >= below):
        bad = low if low < 0 else high
        limit = "0 or more" if below is None else f"from 0 to {below - 1}"
        raise ValueError(f"{name} must be {limit}, got {bad}")


def pointer(ptr: Tensor, length: int, what: str) -> int:
    """Fail unless ``ptr`` ascends from 0 to ``length``; return its longest segment."""
    if ptr.dtype != torch.long or ptr.dim() != 1 or not len(ptr):
        raise ValueError(f"ptr must be long [S + 1], got {ptr.dtype} {list(ptr.shape)}")
    first, last, low, high = _read(ptr, _ends_and_steps)
    if first != 0:
        raise ValueError(f"ptr must start at 0, got {first}")
    if low < 0:
        at = int(ptr.diff().argmin())
        raise ValueError(
            f"ptr must not decrease, got {int(ptr[at])} before {int(ptr[at + 1])}; sort the entries with sort_by"
        )
    if last != length:
        raise ValueError(f"ptr must end at {length}, the length of {what}, got {last}")
    return high


def _read(value: Tensor, numbers: Callable[[Tensor], tuple[int, ...]]) -> tuple[int, ...]:
    """Numbers of a tensor, on a GPU read once, since reading waits; on the CPU NumPy may change tensors unseen."""
    return remembered(value, numbers) if value.is_cuda else numbers(value)


def _extremes(value: Tensor) -> tuple[int, ...]:
    return tuple(torch.stack(value.aminmax()).tolist())


def _ends_and_steps(ptr: Tensor) -> tuple[int, ...]:
    steps = ptr.diff().aminmax() if len(ptr) > 1 else (ptr[0] * 0, ptr[0] * 0)
    return tuple(torch.stack([ptr[0], ptr[-1], *steps]).tolist())


def segments(ptr: Tensor, index: Tensor, num_rows: int) -> int:
    """Fail unless ``ptr`` bounds segments of ``index``, which is below ``num_rows``; return the longest segment."""
    alike("ptr", ptr, "index", index, dtype=False)
    integers("index", index, num_rows)
    return pointer(ptr, len(index), "index")


def finite(name: str, value: Tensor) -> None:
    """Fail if a value is infinite or NaN."""
    good = torch.isfinite(value)
    if not bool(good.all()):
        row, *column = (~good).nonzero()[0].tolist()
        raise ValueError(f"{name} holds {value[(row, *column)].item()} in row {row}; mend or drop that row")


def one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Fail unless ``value`` is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
