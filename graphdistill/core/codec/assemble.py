"""Decoded walks back to graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphdistill.core.codec.symbols import Records
from graphdistill.core.codec.walk import Walks, stretches
from graphdistill.core.data.graphs import Graphs

Ints = Any


def assemble(w: Walks, nodes: Records, edges: Records, widths: tuple[int, int | None], limit: int) -> Graphs:
    """Build graphs from walks and the records of their symbols.

    Args:
        w: the walks.
        nodes: records of the symbols of nodes, as in ``Symbols``.
        edges: records of the symbols of edges.
        widths: columns of nodes and of edges, ``None`` for no edge features.
        limit: largest number of edges.

    Returns:
        Graphs, their edges sorted by source, target and row.

    Raises:
        ValueError: there are more edges.
    """
    symbol, (pair, edge) = w.symbol, pairs(w)
    width, edge_width = widths[0], widths[1] or 0
    x = nodes.values[(nodes.ptr[:-1, None] + np.arange(width))[symbol]].reshape(len(symbol), width)
    # Where the rows of each bundle begin, and how many there are: self-loops, forward, backward.
    loop_at = nodes.ptr[:-1] + width + 1
    loop_size = nodes.values[loop_at - 1] if len(nodes) else np.zeros(0, np.int64)
    ahead_at = edges.ptr[:-1] + 2
    same, ahead_size = (edges.values[ahead_at - k] if len(edges) else np.zeros(0, np.int64) for k in (2, 1))
    back_at = np.where(same == 1, ahead_at, ahead_at + ahead_size * edge_width + 1)
    back_size = edges.values[back_at - 1] if len(edges) else np.zeros(0, np.int64)

    every = np.arange(len(symbol))
    source = np.concatenate([every, pair[:, 0], pair[:, 1]])
    target = np.concatenate([every, pair[:, 1], pair[:, 0]])
    count = np.concatenate([loop_size[symbol], ahead_size[edge], back_size[edge]])
    if count.sum() > limit:
        raise ValueError(f"holds {count.sum()} edges, more than the limit of {limit}; give a larger limit")
    rows = [
        records.values[stretches(at[number], count_of[number] * edge_width)]
        for records, at, count_of, number in (
            (nodes, loop_at, loop_size, symbol),
            (edges, ahead_at, ahead_size, edge),
            (edges, back_at, back_size, edge),
        )
    ]
    source, target = np.repeat(source, count), np.repeat(target, count)
    attr = np.concatenate(rows).reshape(len(source), edge_width)
    order = np.lexsort((*attr.T[::-1], target, source))
    source, target, attr = source[order], target[order], attr[order]
    node_ptr = np.concatenate([[0], np.cumsum(w.size)])
    return Graphs(
        x=torch.from_numpy(x),
        edge_index=torch.from_numpy(np.stack([source, target])),
        edge_attr=None if widths[1] is None else torch.from_numpy(attr),
        node_ptr=torch.from_numpy(node_ptr),
        edge_ptr=torch.from_numpy(np.searchsorted(source, node_ptr)),
    )


def pairs(w: Walks) -> tuple[Ints, Ints]:
    """All pairs of adjacent nodes, numbered across graphs, and the symbol of each: first of trees, then of rings."""
    first = np.repeat(np.cumsum(w.size) - w.size, w.size)  # first node of the graph of each node
    child = np.flatnonzero(w.parent >= 0)
    closing = np.repeat(np.arange(len(w.parent)), w.back_count)
    tree = np.stack([first[child] + w.parent[child], child], axis=1)
    rings = np.stack([closing, first[closing] + w.back_node], axis=1)
    return np.concatenate([tree, rings]), np.concatenate([w.edge[child], w.back_edge])
