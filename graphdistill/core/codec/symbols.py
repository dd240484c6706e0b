"""Graphs as few symbols: a node's row with its self-loops and degree, and all edges between two nodes as one.

Shape legend: N nodes, E directed edges, P pairs of different nodes with any edge between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphdistill.core.data.graphs import Graphs

Ints = Any


@dataclass(frozen=True)
class Records:
    """Rows of integers of different lengths, one for each symbol.

    Attributes:
        values: all integers, ``[ptr[-1]]``.
        ptr: first integer of each record and the end, ``[K + 1]``.
    """

    values: Ints
    ptr: Ints

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Records:
        """The records of ``rows``."""
        ptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=ptr[1:])
        return cls(np.array([v for row in rows for v in row], np.int64), ptr)

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def row(self, number: int) -> list[int]:
        """The integers of one record."""
        out: list[int] = self.values[self.ptr[number] : self.ptr[number + 1]].tolist()
        return out


@dataclass(frozen=True)
class Symbols:
    """Graphs as nodes with symbols, and pairs of nodes with a symbol in each direction.

    A node's record is its row, the number of its self-loops, their rows and its number of neighbours. An edge's
    record, from u to v, is 1 if both directions have the same rows else 0, the number of edges from u to v, their
    rows, and if not the same, the number and rows of those from v to u.

    Attributes:
        node: symbol of each node, ``[N]``.
        nodes: record of each symbol of nodes.
        pair: the two nodes of each pair, the lower first, ``[P, 2]``.
        forward, backward: symbol of each pair seen from its first and from its second node, ``[P]``.
        edges: record of each symbol of edges.
        node_ptr: first node of each graph and N at the end.
    """

    node: Ints
    nodes: Records
    pair: Ints
    forward: Ints
    backward: Ints
    edges: Records
    node_ptr: Ints


def row_ids(rows: Ints) -> tuple[Ints, Ints]:
    """Number the distinct rows of a matrix of integers in ascending order: ids of all rows, a row of each id.

    Example:
        >>> ids, first = row_ids(np.array([[5, 1], [2, 2], [5, 1]]))
        >>> ids.tolist(), first.tolist()
        ([1, 0, 1], [1, 0])
    """
    ids = np.zeros(len(rows), np.int64)
    for column in rows.T:
        _, values = np.unique(column, return_inverse=True)
        _, ids = np.unique(ids * (values.max(initial=0) + 1) + values, return_inverse=True)
    first = np.full(ids.max(initial=-1) + 1, len(rows))
    np.minimum.at(first, ids, np.arange(len(rows)))
    return ids, first


def symbols(graphs: Graphs) -> Symbols:
    """Read graphs with integer features into symbols; the order of edges is lost, and nothing else."""
    x, index = graphs.x.long().numpy(), graphs.edge_index.numpy()
    attr = np.zeros((index.shape[1], 0), np.int64) if graphs.edge_attr is None else graphs.edge_attr.long().numpy()
    num_nodes = len(x)
    edge_row, example = row_ids(attr)
    edge_rows: list[list[int]] = attr[example].tolist()
    source, target = index
    # Bundles are multisets of edge rows, by number: first the empty one, then those of one row, then the others.
    low, high = np.minimum(source, target), np.maximum(source, target)
    key = np.stack([low, high, (source > target).astype(np.int64), edge_row], axis=1)
    key = key[np.lexsort(key.T[::-1])]
    new = np.ones(len(key), bool)
    new[1:] = (key[1:, :3] != key[:-1, :3]).any(axis=1)
    start = np.flatnonzero(new)
    size = np.diff(np.append(start, len(key)))
    bundle = key[start, 3] + 1
    many = np.flatnonzero(size > 1)
    contents = [tuple(key[start[i] : start[i] + size[i], 3].tolist()) for i in many]
    distinct = sorted(set(contents))
    number = {content: 1 + len(edge_rows) + k for k, content in enumerate(distinct)}
    bundle[many] = [number[content] for content in contents]
    bundles: list[tuple[int, ...]] = [(), *((k,) for k in range(len(edge_rows))), *distinct]
    flat = [[len(rows), *(v for row in rows for v in edge_rows[row])] for rows in bundles]

    loop = key[start, 0] == key[start, 1]
    loops = np.zeros(num_nodes, np.int64)
    loops[key[start[loop], 0]] = bundle[loop]
    ends, bundle, back = key[start[~loop], :2], bundle[~loop], key[start[~loop], 2]
    first = np.ones(len(ends), bool)
    first[1:] = (ends[1:] != ends[:-1]).any(axis=1)
    pair_of = np.cumsum(first) - 1
    pair = ends[first]
    sides = np.zeros((2, len(pair)), np.int64)
    sides[back, pair_of] = bundle
    degree = np.bincount(pair.ravel(), minlength=num_nodes)

    node_row, node_example = row_ids(x)
    node, example = row_ids(np.stack([node_row, loops, degree], axis=1))
    nodes = [
        [*x[node_example[r]].tolist(), *flat[b], d]
        for r, b, d in zip(node_row[example].tolist(), loops[example].tolist(), degree[example].tolist(), strict=True)
    ]
    both = np.concatenate([sides, sides[::-1]], axis=1).T
    edge, example = row_ids(both)
    edges = [[1, *flat[a]] if a == b else [0, *flat[a], *flat[b]] for a, b in both[example].tolist()]
    return Symbols(
        node=node,
        nodes=Records.of(nodes),
        pair=pair,
        forward=edge[: len(pair)],
        backward=edge[len(pair) :],
        edges=Records.of(edges),
        node_ptr=graphs.node_ptr.numpy(),
    )
