"""The registered operators ``graphdistill::*``: schema, kernels of both devices, shapes and derivatives.

Rows are two-dimensional. Values are checked inside the operators, so compiled and exported programs check them too;
``trusted`` skips that for segments that were checked before. Derivatives are made of registered operators,
so everything is twice differentiable and compiles as a whole.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.scatter import _check, _reference
from graphdistill.core.scatter._operator import operator

_Maybe = Tensor | None


@functools.cache
def _cuda() -> Any:
    try:
        from graphdistill.core.scatter import _triton
    except ImportError:
        warnings.warn(
            "triton is not installed, so segment operations on CUDA run in plain torch; "
            "pip install 'graphdistill[gpu]' for its kernels",
            stacklevel=2,
        )
        return _reference
    return _triton


def kernels(x: Tensor) -> Any:
    """The module of kernels for the device of ``x``: Triton on CUDA if it is installed, otherwise plain torch."""
    return _cuda() if x.is_cuda else _reference


@operator("graphdistill::segment_reduce")
def segment_reduce(x: Tensor, ptr: Tensor, reduce: str, trusted: bool = False) -> Tensor:
    """Sum, mean or maximum of the rows of each segment: ``[E, F]`` to ``[S, F]``."""
    _check.alike("ptr", ptr, "x", x, dtype=False)
    short = not trusted and _check.pointer(ptr, len(x), "x") <= _reference.LIMIT
    out: Tensor = kernels(x).segment_reduce(x, ptr, reduce, short)
    return out


@operator("graphdistill::segment_repeat")
def segment_repeat(x: Tensor, ptr: Tensor, length: int, trusted: bool = False) -> Tensor:
    """The row of its segment for each of ``length`` entries: ``[S, F]`` to ``[E, F]``."""
    _check.alike("ptr", ptr, "x", x, dtype=False)
    if not trusted:
        _check.pointer(ptr, length, "what it bounds")
    out: Tensor = kernels(x).segment_repeat(x, ptr, length)
    return out


@operator("graphdistill::gather_segment")
def gather_segment(
    x: Tensor,
    ptr: Tensor,
    index: Tensor,
    weight: Tensor | None,
    reduce: str,
    twin_ptr: Tensor | None = None,
    twin_index: Tensor | None = None,
    twin_order: Tensor | None = None,
    trusted: bool = False,
) -> Tensor:
    """Sum or mean of weighted gathered rows over each segment: ``[N, F]`` to ``[S, F]``.

    The twin is the result of :func:`transpose` for the backward pass; without it that pass sorts ``index`` itself.
    """
    _check.alike("index", index, "x", x, dtype=False)
    if weight is not None:
        _check.alike("weight", weight, "x", x)
    short = not trusted and _check.segments(ptr, index, len(x)) <= _reference.LIMIT
    out: Tensor = kernels(x).gather_segment(x, ptr, index, weight, reduce, short)
    return out


@operator("graphdistill::gather_dot")
def gather_dot(rows: Tensor, x: Tensor, ptr: Tensor, index: Tensor) -> Tensor:
    """For each entry e of segment s, ``rows[s] . x[index[e]]``: ``[S, F]`` and ``[N, F]`` to ``[E]``."""
    out: Tensor = kernels(x).gather_dot(rows, x, ptr, index)
    return out


@operator("graphdistill::transpose")
def transpose(ptr: Tensor, index: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Regroup entries by the row they gather: pointer ``[N + 1]``, segment of each, and its old position (``[E]``)."""
    return _reference.transpose(ptr, index, num_rows)


@operator("graphdistill::sort_by")
def sort_by(keys: Tensor, size: int, name: str = "keys") -> tuple[Tensor, Tensor]:
    """Stable order of keys below ``size``, long ``[E]``, and where each key starts in it, long ``[S + 1]``."""
    _check.integers(name, keys, size)
    return _reference.sort_by(keys, size)


@operator("graphdistill::class_moments")
def class_moments(x: Tensor, y: Tensor, order: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, second moment and variance ``[C, F]`` of the rows of each class, sorted by :func:`sort_by`."""
    out: tuple[Tensor, Tensor, Tensor] = kernels(x).class_moments(x, y, order, ptr)
    return out


@operator("graphdistill::nearest_code")
def nearest_code(x: Tensor, codebook: Tensor, metric: str, max_bytes: int) -> tuple[Tensor, Tensor]:
    """Index and distance of the nearest code to each row: long and float ``[N]``."""
    _check.alike("codebook", codebook, "x", x)
    _check.finite("codebook", codebook)
    _check.finite("x", x)
    wide = torch.promote_types(x.dtype, torch.float32)
    codes = codebook.to(wide)
    if metric == "cosine":
        centre, codes = None, F.normalize(codes, dim=1)
        offset = codes.new_zeros(len(codes))
    else:
        # |x - c|^2 / 2 without |x|^2 / 2; shifting both does not change distances, but far from 0 digits are lost.
        centre = codes.mean(dim=0)
        codes = codes - centre
        offset = codes.square().sum(dim=1) / 2
    size = max_bytes // max(1, kernels(x).nearest_numbers(x.shape[1], len(codes)) * codes.element_size())
    if size < 1:
        raise ValueError(f"max_bytes must hold the distances of one row to {len(codes)} codes, got {max_bytes}")
    index = torch.empty(len(x), dtype=torch.long, device=x.device)
    distance = codes.new_empty(len(x))
    for first in range(0, len(x), size):
        part = x[first : first + size].to(wide)
        part = F.normalize(part, dim=1) if centre is None else part - centre
        near = kernels(x).nearest(part, codes, offset)
        index[first : first + size] = near
        chosen = codes.index_select(0, near)
        exact = 1 - (part * chosen).sum(dim=1) if centre is None else (part - chosen).norm(dim=1)
        distance[first : first + size] = exact.clamp(min=0)
    return index, distance.to(x.dtype)


@operator("graphdistill::tree_hash_step")
def tree_hash_step(label: Tensor, child: Tensor, ptr: Tensor, index: Tensor, factor: Tensor | None) -> Tensor:
    """One refinement step on two 64-bit lanes: long ``[S, 2]`` and ``[N, 2]`` to ``[S, 2]``."""
    _check.alike("child", child, "label", label)
    _check.alike("index", index, "label", label, dtype=False)
    if factor is not None:
        _check.alike("factor", factor, "label", label)
    _check.segments(ptr, index, len(child))
    out: Tensor = kernels(label).tree_hash_step(label, child, ptr, index, factor)
    return out


@segment_reduce.register_fake
def _(x: Tensor, ptr: Tensor, reduce: str, trusted: bool = False) -> Tensor:
    return x.new_empty(ptr.shape[0] - 1, x.shape[1])


@segment_repeat.register_fake
def _(x: Tensor, ptr: Tensor, length: int, trusted: bool = False) -> Tensor:
    return x.new_empty(length, x.shape[1])


@gather_segment.register_fake
def _(
    x: Tensor,
    ptr: Tensor,
    index: Tensor,
    weight: _Maybe,
    reduce: str,
    twin_ptr: _Maybe = None,
    twin_index: _Maybe = None,
    twin_order: _Maybe = None,
    trusted: bool = False,
) -> Tensor:
    return x.new_empty(ptr.shape[0] - 1, x.shape[1])


@gather_dot.register_fake
def _(rows: Tensor, x: Tensor, ptr: Tensor, index: Tensor) -> Tensor:
    return x.new_empty(index.shape[0])


@transpose.register_fake
def _(ptr: Tensor, index: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    return index.new_empty(num_rows + 1), torch.empty_like(index), torch.empty_like(index)


@sort_by.register_fake
def _(keys: Tensor, size: int, name: str = "keys") -> tuple[Tensor, Tensor]:
    return torch.empty_like(keys), keys.new_empty(size + 1)


@class_moments.register_fake
def _(x: Tensor, y: Tensor, order: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    shape = ptr.shape[0] - 1, x.shape[1]
    return x.new_empty(shape), x.new_empty(shape), x.new_empty(shape)


@nearest_code.register_fake
def _(x: Tensor, codebook: Tensor, metric: str, max_bytes: int) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape[0], dtype=torch.long), x.new_empty(x.shape[0])


@tree_hash_step.register_fake
def _(label: Tensor, child: Tensor, ptr: Tensor, index: Tensor, factor: _Maybe) -> Tensor:
    return torch.empty_like(label)


def _keep_reduce(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, ptr, ctx.reduce, _ = inputs
    ctx.length = x.shape[0]
    ctx.save_for_backward(*((ptr, x, output) if ctx.reduce == "max" else (ptr,)))


def _differentiate_reduce(ctx: Any, gradient: Tensor) -> tuple[_Maybe, ...]:
    ptr, *both = ctx.saved_tensors
    if ctx.reduce == "mean":
        gradient = gradient / _reference.counts(ptr)
    if not both:
        return segment_repeat(gradient, ptr, ctx.length, True), None, None, None
    # Equal maxima share the gradient evenly, as in torch.amax.
    x, top = both
    hit = (x == segment_repeat(top, ptr, ctx.length, True)).to(x.dtype)
    share = gradient / segment_reduce(hit, ptr, "sum", True).clamp(min=1)
    return hit * segment_repeat(share, ptr, ctx.length, True), None, None, None


segment_reduce.register_autograd(_differentiate_reduce, setup_context=_keep_reduce)


def _keep_repeat(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1])


def _differentiate_repeat(ctx: Any, gradient: Tensor) -> tuple[_Maybe, ...]:
    (ptr,) = ctx.saved_tensors
    return segment_reduce(gradient, ptr, "sum", True), None, None, None


segment_repeat.register_autograd(_differentiate_repeat, setup_context=_keep_repeat)


def _keep_gather(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, ptr, index, weight, ctx.reduce, *twin, _ = inputs
    ctx.num_rows = x.shape[0]
    ctx.save_for_backward(x if weight is not None and weight.requires_grad else None, ptr, index, weight, *twin)


def _differentiate_gather(ctx: Any, gradient: Tensor) -> tuple[_Maybe, ...]:
    x, ptr, index, weight, *twin = ctx.saved_tensors
    twin = () if twin[0] is None else tuple(twin)
    if ctx.reduce == "mean":
        gradient = gradient / _reference.counts(ptr)
    to_x, to_weight = None, None
    if ctx.needs_input_grad[0]:
        to_x = _gather_back(gradient, ptr, index, weight, ctx.num_rows, twin)
    if ctx.needs_input_grad[3]:
        to_weight = gather_dot(gradient, x, ptr, index)
    return to_x, None, None, to_weight, *[None] * 5


def _gather_back(
    gradient: Tensor,
    ptr: Tensor,
    index: Tensor,
    weight: _Maybe,
    num_rows: int,
    twin: tuple[Tensor, ...] = (),
) -> Tensor:
    """Sum of weighted rows of ``gradient`` over the entries that gather each of ``num_rows`` rows."""
    back, segment, order = twin or transpose(ptr, index, num_rows)
    values = None if weight is None else weight.index_select(0, order)
    out: Tensor = gather_segment(gradient, back, segment, values, "sum", trusted=True)
    return out


gather_segment.register_autograd(_differentiate_gather, setup_context=_keep_gather)


def _keep_dot(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _differentiate_dot(ctx: Any, gradient: Tensor) -> tuple[_Maybe, ...]:
    rows, x, ptr, index = ctx.saved_tensors
    to_rows = gather_segment(x, ptr, index, gradient, "sum", trusted=True)
    return to_rows, _gather_back(rows, ptr, index, gradient, x.shape[0]), None, None


gather_dot.register_autograd(_differentiate_dot, setup_context=_keep_dot)


def _keep_moments(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    x, y, _, ptr = inputs
    ctx.save_for_backward(x, y, ptr, output[0])


def _differentiate_moments(ctx: Any, *to_each: Tensor) -> tuple[_Maybe, ...]:
    x, y, ptr, mean = ctx.saved_tensors
    each = torch.arange(y.shape[0] + 1, device=y.device)

    def to_rows(rows: Tensor) -> Tensor:
        out: Tensor = gather_segment(rows, each, y, None, "sum", trusted=True)
        return out

    to_mean, to_second, to_variance = (to_rows(g / _reference.counts(ptr)) for g in to_each)
    return to_mean + 2 * x * to_second + 2 * (x - to_rows(mean)) * to_variance, None, None, None


class_moments.register_autograd(_differentiate_moments, setup_context=_keep_moments)
