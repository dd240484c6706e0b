"""Molecules as columns of small integers, which compress well: a row of x a column, bonds once."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import segment_ptr
from graphdistill.mirage.shards.parts import Arrays


def pack_graphs(graphs: Graphs) -> Arrays:
    """Graphs as arrays of the narrowest unsigned integers, without loss.

    Edges that come as pairs of both directions, one after the other, are stored once.

    Args:
        graphs: graphs with integer features of 0 or more.

    Example:
        >>> pair = torch.tensor([[0, 1], [1, 0]])
        >>> ptr = torch.tensor([0, 2])
        >>> graphs = Graphs(torch.tensor([[6], [8]]), pair, torch.zeros(2, 1).long(), ptr, ptr)
        >>> arrays = pack_graphs(graphs)
        >>> arrays["end"].tolist(), unpack_graphs(arrays).edge_index.tolist()
        ([[0], [1]], [[0, 1], [1, 0]])
    """
    index, attr = graphs.edge_index, graphs.edge_attr
    assert attr is not None
    sizes = graphs.edge_ptr.diff()
    local = index - torch.repeat_interleave(graphs.node_ptr[:-1], sizes)
    step = 1
    if not bool((sizes % 2).any()):
        ways = torch.equal(index[:, ::2], index[:, 1::2].flip(0)) and torch.equal(attr[::2], attr[1::2])
        step = 2 if ways else 1
    return {
        "x": narrow(graphs.x.T.numpy()),
        "end": narrow(local[:, ::step].numpy()),
        "edge": narrow(attr[::step].T.numpy()),
        "nodes": narrow(graphs.node_ptr.diff().numpy()),
        "edges": narrow((sizes // step).numpy()),
        "step": np.array([step], np.uint8),
    }


def unpack_graphs(arrays: Arrays) -> Graphs:
    """The graphs of :func:`pack_graphs`; features keep the narrow types."""
    step = int(arrays["step"][0])
    nodes, edges = (torch.from_numpy(arrays[name].astype(np.int64)) for name in ("nodes", "edges"))
    node_ptr = segment_ptr(nodes)
    end = torch.from_numpy(arrays["end"].astype(np.int64)) + torch.repeat_interleave(node_ptr[:-1], edges)
    if step == 2:
        end = torch.stack([end, end.flip(0)], dim=2).reshape(2, -1)
    return Graphs(
        x=torch.from_numpy(np.ascontiguousarray(arrays["x"].T)),
        edge_index=end,
        edge_attr=torch.from_numpy(np.ascontiguousarray(arrays["edge"].T.repeat(step, axis=0))),
        node_ptr=node_ptr,
        edge_ptr=segment_ptr(edges * step),
    )


def join_graphs(parts: list[Graphs]) -> Graphs:
    """Graphs of several parts as one, with edges in the integers of the parts.

    Args:
        parts: the parts; the list is emptied, so that each graph is held once.
    """
    shift = np.cumsum([0, *(part.num_nodes for part in parts)]).tolist()
    node_ptr = segment_ptr(torch.cat([part.node_ptr.diff() for part in parts]))
    edge_ptr = segment_ptr(torch.cat([part.edge_ptr.diff() for part in parts]))
    xs = [part.x for part in parts]
    edges = [part.edge_index + by for part, by in zip(parts, shift, strict=False)]
    attrs = [part.edge_attr for part in parts if part.edge_attr is not None]
    parts.clear()
    x = torch.cat(xs)
    xs.clear()
    edge_index = torch.cat(edges, dim=1)
    edges.clear()
    return Graphs(x, edge_index, torch.cat(attrs) if attrs else None, node_ptr, edge_ptr)


def narrow(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Integers of 0 or more in the narrowest unsigned type.

    Example:
        >>> narrow(np.array([3, 300])).dtype
        dtype('uint16')
    """
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))
