"""Tensors with a row per distinct tree: what a model does to nodes is done once for all nodes with the same tree.

Operations that treat every row alone are exact on distinct trees; all others are refused by name. Rows of different
depths meet in residuals and in jumping knowledge: the shallower values are gathered at the deeper trees.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from graphdistill.mirage.layered.row_by_row import META, function_name, row_by_row
from graphdistill.mirage.layered.rows import Link, Reduce, Rows


class TreeTensor(Tensor):
    """A tensor whose first dimension are rows of one kind.

    Attributes:
        rows: the kind.
        link: of an index: from these rows to those that its values number.
        into: of an index: the rows that its values number, ``None`` for graphs.
        factors: weights of slots and values of messages, whose product this is, if it was not computed yet.
        outgrown: whether it was changed in place by values of a later layer, and lives on as a tensor of more rows.
    """

    rows: Rows
    link: Link | None = None
    into: Rows | None = None
    factors: tuple[TreeTensor, TreeTensor] | None = None
    outgrown: bool = False

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute, row by row, or refuse."""
        with torch._C.DisableTorchFunctionSubclass():
            return _apply(func, args, kwargs or {})


def tag(values: Tensor, rows: Rows, link: Link | None = None, into: Rows | None = None) -> TreeTensor:
    """Say what the rows of a tensor are; with a link, that it is an index.

    Example:
        >>> rows = Rows("trees of depth 0", 2, lambda: torch.ones(2).long())
        >>> tag(torch.tensor([1.0, 2.0]), rows).rows.name
        'trees of depth 0'
    """
    out = values.as_subclass(TreeTensor)
    out.rows, out.link, out.into = rows, link, into
    return out


def align(x: TreeTensor, rows: Rows) -> Tensor:
    """The values of ``x`` at ``rows``, as an ordinary tensor."""
    if x.outgrown:
        refuse("changes a value of an earlier layer in place and reads it by another name; write x = x + y, not x += y")
    if not rows.stand_on(x.rows):
        refuse(f"{x.rows.name} meet {rows.name}, which are not made of them")
    with torch._C.DisableTorchFunctionSubclass():
        if x.factors is not None:
            x = tag(torch.mul(*(align(factor, x.rows) for factor in x.factors)), x.rows)
        plain = x.as_subclass(Tensor)
        return plain if x.rows is rows else rows.link(x.rows).gather(plain)


def select(x: Tensor, index: TreeTensor) -> Tensor:
    """The row of ``x`` that each entry of an index numbers."""
    assert index.link is not None
    if not isinstance(x, TreeTensor):
        if index.into is not None:
            refuse("indexes, by edges, a tensor that does not come from the batch")
        return tag(index.link.gather(x), index.rows)
    if index.into is None:
        refuse("indexes nodes by their graph")
    values = align(x, index.into)
    return tag(values if index.rows is index.into else index.link.gather(values), index.rows)


def reduce(x: Tensor, index: TreeTensor, how: Reduce) -> Tensor:
    """Sum, mean, maximum, minimum or product of the rows of ``x`` for each row that an index numbers."""
    link, rows, into = index.link, index.rows, index.into
    assert link is not None
    x = x if isinstance(x, TreeTensor) else tag(x, rows)
    weight = rows.counts if into is None else None
    if how == "mean":
        number = link.number if weight is None else link.reduce(weight, "sum")
        total = reduce(x, index, "sum")
        plain = total.as_subclass(Tensor)
        out = plain / number.clamp(min=1).to(plain.dtype).view(-1, *[1] * (plain.dim() - 1))
        return out if into is None else tag(out, into)
    if weight is not None and how == "mul":
        refuse("multiplies the nodes of a graph; sum, mean, maximum and attention are supported")
    fused = _fused(x, index, weight) if how == "sum" else None
    out = link.reduce(align(x, rows), how, weight) if fused is None else fused
    return out if into is None else tag(out, into)


def _fused(x: TreeTensor, index: TreeTensor, counts: Tensor | None) -> Tensor | None:
    """A sum of weighted, gathered values without writing these out, if both links have kernels."""
    weight, value = (None, x) if x.factors is None else x.factors
    rows = index.rows
    if index.link is None or index.link.kernels is None or value.rows is rows or not rows.stand_on(value.rows):
        return None
    through = rows.link(value.rows).kernels
    if through is None or not value.is_floating_point():
        return None
    plain = value.as_subclass(Tensor)
    factor = None if weight is None else weight.as_subclass(Tensor).flatten(1).squeeze(1)
    if counts is not None:
        counts = counts.to(value.dtype)
        factor = counts if factor is None else factor * counts.view(-1, *[1] * (factor.dim() - 1))
    return index.link.kernels.weighted_sum(plain, through, factor)


def refuse(what: str) -> NoReturn:
    """Raise an error that names the innermost module of the model that is running."""
    modules: list[nn.Module] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module) and not any(owner is module for module in modules):
            modules.append(owner)
        frame = frame.f_back
    here = "the model"
    if modules:
        name = next((name for name, module in modules[-1].named_modules() if module is modules[0]), "")
        here = f"{name or 'the model'} ({type(modules[0]).__name__})"
    raise ValueError(f"{here} {what}, so it is not exact on distinct trees; train it on ordinary batches")


def _apply(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = function_name(func)
    if name in META:
        return func(*args, **kwargs)
    if name in _RULES:
        return _RULES[name](func, args, kwargs)
    found = list(_tensors((args, kwargs)))
    rows = _deepest(found)
    if not row_by_row(name, args, kwargs):
        refuse(f"calls {name}, which may mix nodes")
    if name == "mul" and (lazy := _product(args, kwargs)) is not None:
        return lazy
    outgrown = None
    if name.endswith("_"):
        if not isinstance(args[0], TreeTensor):
            refuse(f"changes a tensor that does not come from the batch by {name}")
        if args[0].rows is not rows:
            # x += y gives x more rows, which is a new tensor; whoever still has the old one must not go on with it.
            func, outgrown = getattr(Tensor, name[:-1]), args[0]
    for other in (t for t in _every((args, kwargs)) if not isinstance(t, TreeTensor)):
        # Parameters broadcast over the rows; anything else with a row per node has an order of nodes in it.
        if other.dim() == max(t.dim() for t in found) and other.dim() and other.shape[0] == rows.size > 1:
            if name not in ("linear", "matmul", "embedding", "embedding_bag", "gru_cell", "lstm_cell", "mm", "addmm"):
                refuse(f"calls {name} with a tensor of one row per node that does not come from the batch")
    args, kwargs = _map((args, kwargs), lambda t: align(t, rows))
    out = _wrap(func(*args, **kwargs), rows, name)
    if outgrown is not None:
        outgrown.outgrown = True
    return out


def _product(args: tuple[Any, ...], kwargs: dict[str, Any]) -> TreeTensor | None:
    """Weights of slots times values of messages, to be computed when, and if, it is needed."""
    if len(args) != 2 or kwargs or not all(isinstance(t, TreeTensor) and t.factors is None for t in args):
        return None
    weight, value = sorted(args, key=lambda t: t.shape[-1:] != (1,))
    rows = weight.rows
    if not rows.fast or rows is value.rows or not rows.stand_on(value.rows) or rows.depth is not None:
        return None
    if weight.dim() != value.dim() or weight.dim() < 2 or weight.shape[-1] != 1 or weight.dtype != value.dtype:
        return None
    if weight.shape[1:-1] != value.shape[1:-1]:
        return None
    out = tag(value.as_subclass(Tensor).detach().new_empty(1).expand(rows.size, *value.shape[1:]), rows)
    out.factors = weight, value
    return out


def _view(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Shapes may change within a row."""
    x = args[0]
    out = func(align(x, x.rows), *args[1:], **kwargs)
    if out.dim() == 0 or len(out) != x.rows.size:
        refuse(f"calls {function_name(func)}, which may mix nodes")
    return tag(out, x.rows)


def _getitem(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x, key = args
    if isinstance(key, TreeTensor) and key.link is not None:
        return select(x, key)
    if isinstance(x, TreeTensor) and x.link is not None and key == -1:  # the last graph
        return func(x.as_subclass(Tensor), key)
    keys = key if isinstance(key, tuple) else (key,)
    if any(isinstance(part, Tensor | list) for part in keys):
        refuse("picks values by an index tensor")
    picked = sum(part is not None and part is not Ellipsis for part in keys)
    whole = picked < x.dim() if keys[0] is Ellipsis else keys[0] == slice(None)
    if not isinstance(x, TreeTensor) or not whole:
        refuse("picks some nodes")
    return tag(func(align(x, x.rows), key), x.rows)


def _index_select(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x, dim, index = args
    if not isinstance(index, TreeTensor) or index.link is None or dim not in (0, -x.dim()):
        refuse("picks some nodes")
    return select(x, index)


def _max(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x = args[0]
    if len(args) == 1 and not kwargs and isinstance(x, TreeTensor) and x.link is not None:
        return torch.tensor(x.link.size - 1, device=x.device)
    rows = _deepest(list(_tensors((args, kwargs))))
    if not row_by_row(function_name(func), args, kwargs):
        refuse(f"calls {function_name(func)} over all nodes")
    args, kwargs = _map((args, kwargs), lambda t: align(t, rows))
    return _wrap(func(*args, **kwargs), rows, "max")


def _product_with(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Linear layers and matrix products: rows times a matrix, or a matrix of each row times one of each row."""
    x, *others = args
    trees = [t for t in _every((others, kwargs)) if isinstance(t, TreeTensor)]
    both = [x, *trees]
    if not isinstance(x, TreeTensor) or x.dim() < 2 or len(both) > 2 or (trees and min(t.dim() for t in both) < 3):
        refuse(f"calls {function_name(func)} with nodes on both sides")
    rows = _deepest(both)
    if not trees and any(t.dim() > 2 for t in others if isinstance(t, Tensor)):
        refuse(f"calls {function_name(func)} with a matrix for each node that does not come from the batch")
    args, kwargs = _map((args, kwargs), lambda t: align(t, rows))
    return _wrap(func(*args, **kwargs), rows, function_name(func))


def _layer_norm(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x = args[0]
    if len(args[1]) >= x.dim():
        refuse("normalises over all nodes")
    return tag(func(align(x, x.rows), *args[1:], **kwargs), x.rows)


def _expand(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x = args[0]
    if function_name(func) == "repeat" and args[1:] and (args[1] if isinstance(args[1], int) else args[1][0]) != 1:
        refuse("repeats nodes")
    return _view(func, args, kwargs) if isinstance(x, TreeTensor) else refuse("expands a tensor to nodes")


def _squeeze(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x = args[0]
    if args[1:] or kwargs:
        if not row_by_row("squeeze", args, kwargs):
            refuse("squeezes nodes")
        return tag(func(align(x, x.rows), *args[1:], **kwargs), x.rows)
    return tag(align(x, x.rows).reshape(x.rows.size, *(n for n in x.shape[1:] if n != 1)), x.rows)


def _lstm(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    x, batch_first = args[0], args[-1]
    if batch_first is not True or not isinstance(x, TreeTensor):
        refuse("runs a recurrent network along nodes")
    out, *states = func(align(x, x.rows), *args[1:], **kwargs)
    return (tag(out, x.rows), *states)


def _batch_norm(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Batch norm by the moments of all nodes: each row counts as often as it occurs."""
    names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    given: dict[str, Any] = {"weight": None, "bias": None, "training": False, "momentum": 0.1, "eps": 1e-5}
    given |= dict(zip(names, args, strict=False)) | kwargs
    x: TreeTensor = given["input"]
    values = align(x, x.rows)
    if not given["training"]:
        return tag(func(values, *args[1:], **kwargs), x.rows)
    if x.dim() != 2:
        refuse("normalises nodes of more than one dimension")
    dtype, values = values.dtype, values.to(torch.promote_types(values.dtype, torch.float32))
    count = x.rows.counts.to(values.dtype)
    total = count.sum()
    if total < 2:
        return func(values, *args[1:], **kwargs)  # which says that one value has no variance
    with torch.autocast(values.device.type, enabled=False):  # which would round the moments
        mean = (count @ values) / total
        centred = values - mean
        var = (count @ centred.square()) / total
    with torch.no_grad():
        if given["running_mean"] is not None:
            given["running_mean"].lerp_(mean, given["momentum"])
            given["running_var"].lerp_(var * total / (total - 1), given["momentum"])
    scale = (var + given["eps"]).rsqrt()
    out = centred * (scale if given["weight"] is None else scale * given["weight"])
    return tag((out if given["bias"] is None else out + given["bias"]).to(dtype), x.rows)


def _as_subclass(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The one way out: an ordinary tensor with a row per distinct tree, for whoever asks for it."""
    return func(align(args[0], args[0].rows), *args[1:], **kwargs)


def _new(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A constant, which is of no node."""
    return func(args[0].as_subclass(Tensor), *args[1:], **kwargs)


def _any(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Over all nodes, too: every tree is that of some node."""
    out = func(align(args[0], args[0].rows), *args[1:], **kwargs)
    if not args[1:] and not kwargs:
        return out
    if not row_by_row(function_name(func), args, kwargs):
        refuse(f"calls {function_name(func)} over all nodes")
    return tag(out, args[0].rows)


_RULES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("any", "all"), _any),
    **dict.fromkeys(("new_zeros", "new_ones", "new_full", "new_empty", "new_tensor"), _new),
    "as_subclass": _as_subclass,
    **dict.fromkeys(("view", "reshape", "unflatten"), _view),
    **dict.fromkeys(("expand", "repeat"), _expand),
    **dict.fromkeys(("max", "min"), _max),
    **dict.fromkeys(("linear", "matmul", "mm", "bmm"), _product_with),
    "getitem": _getitem,
    "index_select": _index_select,
    "layer_norm": _layer_norm,
    "rms_norm": _layer_norm,
    "squeeze": _squeeze,
    "lstm": _lstm,
    "batch_norm": _batch_norm,
}


def _every(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _every(part)
    elif isinstance(value, dict):
        yield from _every(list(value.values()))


def _tensors(value: Any) -> Iterator[TreeTensor]:
    return (t for t in _every(value) if isinstance(t, TreeTensor))


def _map(value: Any, change: Callable[[TreeTensor], Tensor]) -> Any:
    if isinstance(value, TreeTensor):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)([_map(part, change) for part in value])
    return {key: _map(part, change) for key, part in value.items()} if isinstance(value, dict) else value


def _deepest(found: list[TreeTensor]) -> Rows:
    """The rows that all tensors can be gathered to."""
    rows = found[0].rows
    for x in found[1:]:
        if not rows.stand_on(x.rows):
            if not x.rows.stand_on(rows):
                refuse(f"combines {rows.name} with {x.rows.name}")
            rows = x.rows
    return rows


def _wrap(out: Any, rows: Rows, name: str) -> Any:
    if isinstance(out, tuple | list):
        return type(out)([_wrap(part, rows, name) for part in out])
    if not isinstance(out, Tensor) or isinstance(out, TreeTensor):
        return out
    if out.dim() == 0 or len(out) != rows.size:
        refuse(f"calls {name}, which may mix nodes")
    return tag(out, rows)
