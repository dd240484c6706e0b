"""Run a PyG model on layered batches, unchanged: convolutions get the edges of the depth that their nodes have.

Inside of :func:`running` the message passing of the model's convolutions, and the few functions of PyG by which layers
handle edges and readouts, accept layered batches too. Ordinary batches take PyG's own path, and afterwards all is as
before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FunctionType
from typing import Any, get_args
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing, MultiAggregation
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import add_remaining_self_loops, add_self_loops, degree, remove_self_loops, scatter

from graphdistill.mirage.layered.checks import batch_in, check_depth, check_input, check_model
from graphdistill.mirage.layered.layers import Edges, prepare
from graphdistill.mirage.layered.rows import Reduce
from graphdistill.mirage.layered.tree_tensor import TreeTensor, refuse
from graphdistill.mirage.layered.tree_tensor import reduce as reduce_rows


@contextmanager
def running(model: nn.Module) -> Iterator[None]:
    """Let a model take layered batches, as well as ordinary ones.

    Raises:
        ValueError: a module of it cannot be exact on distinct trees.
    """
    check_model(model)
    with ExitStack() as stack:
        stack.enter_context(model.register_forward_pre_hook(_before, with_kwargs=True))
        stack.enter_context(model.register_forward_hook(_after, with_kwargs=True))
        for module in model.modules():
            if isinstance(module, MessagePassing):
                for name in ("propagate", "edge_updater"):
                    stack.enter_context(_replace(module, name, partial(_message, getattr(module, name))))
            if isinstance(module, MultiAggregation):
                # The fused aggregation computes the same, by steps that assume a row per node.
                stack.enter_context(_replace(module, "fused_aggr", None))
        for home, name, function in _places():
            stack.enter_context(_replace(home, name, function))
        yield


_patches: dict[tuple[int, str], tuple[int, Any]] = {}
"""How many contexts hold each replaced attribute, and its patch: loaders over one model may be iterated together."""


@contextmanager
def _replace(owner: Any, name: str, value: Any) -> Iterator[None]:
    key = id(owner), name
    uses, patched = _patches.get(key, (0, None))
    if not uses:
        patched = patch.object(owner, name, value)
        patched.start()
    _patches[key] = uses + 1, patched
    try:
        yield
    finally:
        uses = _patches[key][0] - 1
        _patches[key] = uses, patched
        if not uses:
            del _patches[key]
            patched.stop()


def _places() -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """Where the replaced functions are known: all over PyG, and by their names in all other modules."""
    for module, home in list(sys.modules.items()):
        known = getattr(home, "__dict__", {})
        for name in list(known) if module.startswith("torch_geometric.") else _NAMES & known.keys():
            value = known[name]
            if isinstance(value, FunctionType) and (value in _REPLACED or value in _REPLACEMENTS):
                if not module.startswith("graphdistill.mirage.layered."):
                    yield home, name, _REPLACED.get(value, value)


def _message(original: Callable[..., Any], edge_index: Any, size: Any = None, **values: Any) -> Any:
    """Propagate messages, or update edges, in the round that follows the depth of the nodes."""
    if not isinstance(edge_index, Edges) or edge_index.current is not None:
        return original(edge_index, size=size, **values)
    edge_index, values = prepare(edge_index, values)
    return original(edge_index, **values)


def _before(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    batch = batch_in([*args, *kwargs.values()])
    if batch is not None:
        check_input(model, batch.layers.forest.trees.x)
        batch.layers.reached = 0


def _after(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
    batch = batch_in([*args, *kwargs.values()])
    if batch is not None:
        check_depth(batch.layers.depth, batch.layers.reached)


def _scatter(src: Tensor, index: Tensor, dim: int = 0, dim_size: int | None = None, reduce: str = "sum") -> Tensor:
    if not isinstance(index, TreeTensor) and not isinstance(src, TreeTensor):
        out: Tensor = scatter(src, index, dim, dim_size, reduce)
        return out
    if not isinstance(index, TreeTensor) or index.link is None or (dim + src.dim() if dim < 0 else dim) != 0:
        refuse("sums nodes by an index that does not come from the batch")
    how: Any = {"add": "sum", "amax": "max", "amin": "min"}.get(reduce, reduce)
    if how not in get_args(Reduce):
        refuse(f"reduces nodes by {reduce!r}")
    return reduce_rows(src, index, how)


def _degree(index: Tensor, num_nodes: int | None = None, dtype: torch.dtype | None = None) -> Tensor:
    if not isinstance(index, TreeTensor):
        out: Tensor = degree(index, num_nodes, dtype)
        return out
    return reduce_rows(torch.ones(len(index), dtype=dtype, device=index.device), index, "sum")


def _gcn_norm(edge_index: Any, edge_weight: Any = None, *args: Any, **kwargs: Any) -> Any:
    if not isinstance(edge_index, Edges):
        return gcn_norm(edge_index, edge_weight, *args, **kwargs)
    if edge_weight is not None:
        refuse("normalises edge weights by sums over neighbours of leaves")
    given = dict(zip(("num_nodes", "improved", "add_self_loops", "flow", "dtype"), args, strict=False)) | kwargs
    # Without weights GCN's "improved" self-loops have weight 1 in PyG, too.
    return edge_index.variant(loops="add" if given.get("add_self_loops", True) else "keep", normalise=True), None


def _remove_self_loops(edge_index: Any, edge_attr: Any = None) -> Any:
    if not isinstance(edge_index, Edges):
        return remove_self_loops(edge_index, edge_attr)
    return edge_index.variant(loops="remove"), edge_attr


def _add_self_loops(edge_index: Any, edge_attr: Any = None, fill_value: Any = None, num_nodes: Any = None) -> Any:
    if not isinstance(edge_index, Edges):
        return add_self_loops(edge_index, edge_attr, fill_value, num_nodes)
    if edge_index.layers.loops and edge_index.loops != "remove":
        refuse("adds self-loops to graphs that have some")
    return edge_index.variant(loops="add", fill=fill_value), edge_attr


def _add_remaining_self_loops(
    edge_index: Any, edge_attr: Any = None, fill_value: Any = None, num_nodes: Any = None
) -> Any:
    if not isinstance(edge_index, Edges):
        return add_remaining_self_loops(edge_index, edge_attr, fill_value, num_nodes)
    if edge_index.layers.loops and edge_attr is not None:
        refuse("adds self-loops to graphs that have some")
    return edge_index.variant(loops="add", fill=fill_value), edge_attr


_REPLACED: dict[Any, Callable[..., Any]] = {
    scatter: _scatter,
    degree: _degree,
    gcn_norm: _gcn_norm,
    remove_self_loops: _remove_self_loops,
    add_self_loops: _add_self_loops,
    add_remaining_self_loops: _add_remaining_self_loops,
}
_REPLACEMENTS = frozenset(_REPLACED.values())
_NAMES = {function.__name__ for function in _REPLACED}
