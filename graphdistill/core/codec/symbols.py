"""Graphs as few symbols: a node's row with its self-loops and degree, and all edges between two nodes as one.

Shape legend: N nodes, E directed edges, P pairs of different nodes with any edge between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.data.graphs import Graphs

Ints = Any

PIECE = 8192
"""Graphs that are sorted at once; more take more memory and no less time."""
PIECE_ROWS = 2**20
"""Rows that are numbered at once."""
TABLE = 2**22
"""Range of values up to which they are numbered by a table."""


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


@dataclass
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
    pieces = [_row_ids(rows[first : first + PIECE_ROWS]) for first in range(0, max(len(rows), 1), PIECE_ROWS)]
    if len(pieces) == 1:
        return pieces[0]
    starts = range(0, len(rows), PIECE_ROWS)
    firsts = np.concatenate([start + first for start, (_, first) in zip(starts, pieces, strict=True)])
    number, place = _row_ids(rows[firsts])
    ends = np.cumsum([0, *(len(first) for _, first in pieces)])
    ids = [number[end:][ids] for end, (ids, _) in zip(ends, pieces, strict=False)]
    return np.concatenate(ids), firsts[place]


def _row_ids(rows: Ints) -> tuple[Ints, Ints]:
    """The ids of a piece of rows."""
    ids = np.zeros(len(rows), np.int64)
    for column in rows.T:
        values, distinct = _numbered(column)
        ids, _ = _numbered(ids * distinct + values)
    first = np.empty(int(ids.max(initial=-1)) + 1, np.int64)
    first[ids[::-1]] = np.arange(len(rows) - 1, -1, -1)
    return _small(ids), first


def _numbered(values: Ints) -> tuple[Ints, int]:
    """Rank of each value among the distinct ones, and their number; without a sort where their range is small."""
    if not len(values):
        return np.zeros(0, np.int64), 1
    low, high = int(values.min()), int(values.max())
    if high - low >= TABLE:
        distinct, rank = np.unique(values, return_inverse=True)
        return rank.astype(np.int64), len(distinct)
    shifted = values.astype(np.int64) - low
    rank = np.zeros(high - low + 1, np.int64)
    rank[shifted] = 1
    rank = np.cumsum(rank)
    return rank[shifted] - 1, int(rank[-1])


def symbols(graphs: Graphs) -> Symbols:
    """Read graphs with integer features into symbols; the order of edges is lost, and nothing else."""
    x, edge_attr = _integers(graphs.x), graphs.edge_attr
    attr = np.zeros((graphs.edge_index.shape[1], 0), np.uint8) if edge_attr is None else _integers(edge_attr)
    edge_row, example = row_ids(attr)
    edge_rows: list[list[int]] = attr[example].tolist()
    bundles = _bundles(graphs, edge_row)
    del edge_row
    # Bundles are multisets of edge rows, by number: first the empty one, then those of one row, then the others.
    distinct = sorted(set(bundles.contents))
    place = {content: 1 + len(edge_rows) + k for k, content in enumerate(distinct)}
    number = np.array([place[content] for content in bundles.contents], np.int64)
    for values in (bundles.sides, bundles.loops):
        many = values < 0
        values[many] = number[-1 - values[many]]
    rows: list[tuple[int, ...]] = [(), *((k,) for k in range(len(edge_rows))), *distinct]
    flat = [[len(bundle), *(v for row in bundle for v in edge_rows[row])] for bundle in rows]
    degree = np.zeros(len(x), np.int32)
    for end in bundles.pair.T:
        degree += np.bincount(end, minlength=len(x)).astype(np.int32)

    node_row, node_example = row_ids(x)
    node, example = row_ids(np.stack([node_row, bundles.loops, degree], axis=1))
    nodes = [
        [*x[node_example[r]].tolist(), *flat[b], d]
        for r, b, d in zip(
            node_row[example].tolist(), bundles.loops[example].tolist(), degree[example].tolist(), strict=True
        )
    ]
    # A pair seen from its second node has the two sides the other way round.
    pair_row, example = row_ids(bundles.sides.T)
    ways = np.concatenate([bundles.sides.T[example], bundles.sides.T[example][:, ::-1]])
    edge, example = _row_ids(ways)
    edges = [[1, *flat[a]] if a == b else [0, *flat[a], *flat[b]] for a, b in ways[example].tolist()]
    half = len(ways) // 2
    return Symbols(
        node=_small(node),
        nodes=Records.of(nodes),
        pair=bundles.pair,
        forward=edge[:half][pair_row],
        backward=edge[half:][pair_row],
        edges=Records.of(edges),
        node_ptr=graphs.node_ptr.numpy(),
    )


@dataclass(frozen=True)
class _Bundles:
    """All edges between two nodes as one.

    Attributes:
        pair: the two nodes of each pair, ``[P, 2]``.
        sides: bundle in each direction, ``[2, P]``; below 0 the place of its rows in ``contents``, from -1 down.
        loops: bundle of the self-loops of each node, ``[N]``.
        contents: rows of bundles of several edges.
    """

    pair: Ints
    sides: Ints
    loops: Ints
    contents: list[tuple[int, ...]]


def _bundles(graphs: Graphs, edge_row: Ints) -> _Bundles:
    """Bundles of all graphs, found piece by piece: their order holds several numbers for each edge."""
    contents: dict[tuple[int, ...], int] = {}
    loops = np.zeros(graphs.num_nodes, np.int32)
    pairs, sides = [np.zeros((0, 2), np.int32)], [np.zeros((2, 0), np.int32)]
    ptr = graphs.edge_ptr.numpy()
    for first in range(0, len(graphs), PIECE):
        span = slice(int(ptr[first]), int(ptr[min(first + PIECE, len(graphs))]))
        source, target = graphs.edge_index[:, span].numpy()
        low, high = np.minimum(source, target), np.maximum(source, target)
        key = np.stack([low, high, source > target, edge_row[span]], axis=1).astype(np.int64)
        key = key[np.lexsort(key.T[::-1])]
        new = np.ones(len(key), bool)
        new[1:] = (key[1:, :3] != key[:-1, :3]).any(axis=1)
        start = np.flatnonzero(new)
        size = np.diff(np.append(start, len(key)))
        bundle = key[start, 3] + 1
        for i in np.flatnonzero(size > 1):
            content = tuple(key[start[i] : start[i] + size[i], 3].tolist())
            bundle[i] = -1 - contents.setdefault(content, len(contents))
        loop = key[start, 0] == key[start, 1]
        loops[key[start[loop], 0]] = bundle[loop]
        ends, bundle, back = key[start[~loop], :2], bundle[~loop], key[start[~loop], 2]
        begins = np.ones(len(ends), bool)
        begins[1:] = (ends[1:] != ends[:-1]).any(axis=1)
        both = np.zeros((2, int(begins.sum())), np.int32)
        both[back, np.cumsum(begins) - 1] = bundle
        pairs.append(_small(ends[begins]))
        sides.append(both)
    return _Bundles(np.concatenate(pairs), np.concatenate(sides, axis=1), loops, [*contents])


def _integers(values: Tensor) -> Ints:
    """Integers in the type that they have; booleans as bytes."""
    return values.to(torch.uint8).numpy() if values.dtype == torch.bool else values.numpy()


def _small(values: Ints) -> Ints:
    """Integers of 0 or more in 32 bits, if they fit: there is one for each node or edge."""
    return values.astype(np.int32) if int(values.max(initial=0)) < 2**31 else values
