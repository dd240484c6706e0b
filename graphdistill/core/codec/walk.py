"""A canonical depth-first walk of each graph: where it starts and which neighbour comes next.

Ties are broken by the colours of Weisfeiler and Leman, then by the order in which nodes come: the walk is the same for
isomorphic graphs wherever these colours are enough, and without loss always.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphdistill.core.codec.jit import Ints, array, jit, zeros
from graphdistill.core.codec.symbols import PIECE, Symbols
from graphdistill.core.splitmix64 import FACTORS

ROUNDS = 8
"""Rounds of refinement, beyond which few molecules change."""


@dataclass(frozen=True)
class Walks:
    """Walks of many graphs, sorted by what happens on them; nodes are numbered by when their graph's walk visits them.

    Attributes:
        graph: which graph each walk is of, ``[G]``.
        node: which node each visit is to, ``[N]``.
        size: number of its nodes.
        symbol: symbol of each visited node, ``[N]``.
        parent: the visit of its parent, -1 at the first node of a component.
        edge: symbol of the edge from its parent, 0 without one.
        back_count: number of ring closures at it.
        back_node: the visit at which each ring closes, nearest first.
        back_edge: symbol of the edge to it.
    """

    graph: Any
    node: Any
    size: Any
    symbol: Any
    parent: Any
    edge: Any
    back_count: Any
    back_node: Any
    back_edge: Any


def _scramble(z: Any) -> Any:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(FACTORS[0])
    z = (z ^ (z >> np.uint64(27))) * np.uint64(FACTORS[1])
    return z ^ (z >> np.uint64(31))


def colours(node: Any, source: Any, target: Any, edge: Any) -> list[Any]:
    """Colour of each node after each round, unsigned 64-bit words; edges are sorted by ``source``.

    A node's next colour is made from its own and from those of its neighbours ``target`` with the symbol ``edge``.
    """
    colour = _scramble(node.astype(np.uint64) + np.uint64(12345))
    salt = _scramble(edge.astype(np.uint64) + np.uint64(77))
    start = np.searchsorted(source, np.arange(len(node)))
    some = np.diff(np.append(start, len(source))) > 0
    out = [colour]
    for _ in range(ROUNDS):
        total = np.zeros(len(node), np.uint64)
        if len(source):
            total[some] = np.add.reduceat(_scramble(colour[target] * np.uint64(3) + salt), start[some])
        colour = _scramble(colour * np.uint64(0x9E3779B97F4A7C15) + total)
        out.append(colour)
    return out


def ranks(number: Any, size: int) -> Any:
    """Rank of each symbol by how often it stands in ``number``, the most frequent first.

    Example:
        >>> ranks(np.array([2, 2, 0]), 3).tolist()
        [1, 2, 0]
    """
    return _by_count(np.bincount(number, minlength=size))


def _by_count(count: Any) -> Any:
    """Rank of each symbol, the most frequent first."""
    out = np.empty(len(count), np.int64)
    out[np.argsort(-count, kind="stable")] = np.arange(len(count))
    return out


def walks(s: Symbols) -> Walks:
    """Walk all graphs: from the rarest node, to the most frequent edge and neighbour first, ties by colours.

    The pairs are taken out of the symbols on the way, 0.4 kB a molecule: memory is highest when the walks are joined.
    """
    node_rank = _by_count(np.bincount(s.node, minlength=len(s.nodes)))
    counts = [np.bincount(side, minlength=len(s.edges)) for side in (s.forward, s.backward)]
    edge_rank = _by_count(counts[0] + counts[1])
    size = np.diff(s.node_ptr)
    # Each event takes two bytes where all are small; their order is that of the numbers.
    wide = max(len(node_rank), len(edge_rank), int(size.max(initial=0))) >= 0xFFFF
    ends = np.searchsorted(s.pair[:, 0], s.node_ptr)
    pieces = [
        _walk_piece(s, slice(first, first + PIECE), ends, (node_rank, edge_rank), wide)
        for first in range(0, len(size), PIECE)
    ]
    s.pair, s.forward, s.backward = np.zeros((0, 2), np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32)
    keys = [key for piece in pieces for key in piece.keys]
    by_event = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
    del keys
    for piece in pieces:
        piece.keys.clear()
    # Everything in the order of the sorted graphs.
    index = stretches(s.node_ptr[by_event], size[by_event])

    def joined(name: str) -> Any:
        values = [getattr(piece, name) for piece in pieces]
        for piece in pieces:
            setattr(piece, name, None)
        return np.concatenate([np.zeros(0, np.int32), *values])

    node = joined("visit")[index]
    parent, edge = joined("parent")[index], joined("edge_in")[index]
    backs = joined("backs")
    ptr = np.concatenate([[0], np.cumsum(backs)])
    back_count = backs[index]
    back_index = stretches(ptr[index], back_count)
    return Walks(
        graph=by_event,
        node=node,
        size=size[by_event],
        symbol=s.node[node],
        parent=parent,
        edge=edge,
        back_count=back_count,
        back_node=joined("back_node")[back_index],
        back_edge=joined("back_edge")[back_index],
    )


@dataclass
class _Piece:
    """Walks of some graphs in their order; ``keys`` are their events as bytes."""

    visit: Any
    parent: Any
    edge_in: Any
    backs: Any
    back_node: Any
    back_edge: Any
    keys: list[bytes]


def _walk_piece(s: Symbols, graphs: slice, ends: Any, rank: tuple[Any, Any], wide: bool) -> _Piece:
    """Walk some graphs. What orders their neighbours takes a dozen numbers a node, so all at once take much memory."""
    node_ptr = s.node_ptr[graphs.start : graphs.stop + 1]
    first, num_nodes = int(node_ptr[0]), int(node_ptr[-1] - node_ptr[0])
    span = slice(int(ends[graphs.start]), int(ends[min(graphs.stop, len(ends) - 1)]))
    node_rank, edge_rank = rank
    node = s.node[first : first + num_nodes]
    low, high = s.pair[span].astype(np.int64).T - first
    source, target = np.concatenate([low, high]), np.concatenate([high, low])
    edge = np.concatenate([s.forward[span], s.backward[span]]).astype(np.int64)
    order = np.argsort(source, kind="stable")
    source, target, edge = source[order], target[order], edge[order]
    colour = colours(node, source, target, edge)
    own = node_rank[node]
    graph = np.repeat(np.arange(len(node_ptr) - 1), np.diff(node_ptr))
    roots = np.lexsort((colour[-1], colour[2], colour[1], -own, graph))
    child = np.empty(num_nodes, np.int64)
    child[np.lexsort((colour[-1], colour[4], colour[2], colour[1], own))] = np.arange(num_nodes)
    order = np.lexsort((child[target], edge_rank[edge], source))
    source, target, edge = source[order], target[order], edge[order]
    adjacency = np.searchsorted(source, np.arange(num_nodes + 1))

    num_back = len(low)  # at most: those that are no edge of a tree
    given: Any = [array(a) for a in (node_ptr - first, roots, adjacency, target, edge, own, edge_rank)]
    visit, parent, edge_in = zeros(num_nodes), zeros(num_nodes), zeros(num_nodes)
    back_ptr, back_node, back_edge = zeros(num_nodes + 1), zeros(num_back), zeros(num_back)
    events, event_ptr = zeros(3 * num_nodes + 2 * num_back + 1), zeros(len(node_ptr))
    filled: Any = (visit, parent, edge_in, back_ptr, back_node, back_edge, events, event_ptr)
    _walk(*given, *filled)
    data = np.asarray(events, np.int64).astype(">u4" if wide else ">u2").tobytes()
    width = 4 if wide else 2
    rings = int(back_ptr[-1])
    return _Piece(
        visit=_small(np.asarray(visit, np.int64) + first),
        parent=_small(parent),
        edge_in=_small(edge_in),
        backs=_small(np.diff(np.asarray(back_ptr, np.int64))),
        back_node=_small(back_node[:rings]),
        back_edge=_small(back_edge[:rings]),
        keys=[data[width * int(a) : width * int(b)] for a, b in itertools.pairwise(event_ptr)],
    )


def _small(values: Any) -> Any:
    """Integers in 32 bits, if they fit: there is one for each node."""
    values = np.asarray(values, np.int64)
    return values.astype(np.int32) if int(values.max(initial=0)) < 2**31 else values


def stretches(start: Any, size: Any) -> Any:
    """The indices of stretches that begin at ``start``, one after another.

    Example:
        >>> stretches(np.array([5, 0]), np.array([2, 3])).tolist()
        [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(size)
    total = int(ends[-1]) if len(ends) else 0
    small = max(total, int(start.max(initial=0))) < 2**30
    out = np.repeat((start - ends + size).astype(np.int32 if small else np.int64), size)
    out += np.arange(total, dtype=out.dtype)
    return out


@jit
def _walk(
    node_ptr: Ints,
    roots: Ints,
    adjacency: Ints,
    target: Ints,
    edge: Ints,
    node_rank: Ints,
    edge_rank: Ints,
    visit: Ints,
    parent: Ints,
    edge_in: Ints,
    back_ptr: Ints,
    back_node: Ints,
    back_edge: Ints,
    events: Ints,
    event_ptr: Ints,
) -> None:
    """Fill the arrays of walks: neighbours are sorted by preference already."""
    size = len(roots)
    position = [-1] * size  # visit of each node in its graph
    following = [0] * size  # next neighbour to try
    stack = [0] * (size + 1)
    count, backs, num_events = 0, 0, 0
    for g in range(len(node_ptr) - 1):
        first = node_ptr[g]
        for r in range(first, node_ptr[g + 1]):
            if position[roots[r]] >= 0:
                continue
            depth = 0
            v, up, symbol = roots[r], -1, 0
            while True:
                # Visit v.
                here = count - first
                position[v] = here
                following[v] = adjacency[v]
                visit[count] = v
                parent[count] = up
                edge_in[count] = symbol
                if up >= 0:
                    events[num_events] = edge_rank[symbol]
                    num_events += 1
                events[num_events] = node_rank[v]
                num_events += 1
                start = backs
                for k in range(adjacency[v], adjacency[v + 1]):
                    other = position[target[k]]
                    if other >= 0 and other != up:
                        j = backs
                        while j > start and back_node[j - 1] < other:
                            back_node[j] = back_node[j - 1]
                            back_edge[j] = back_edge[j - 1]
                            j -= 1
                        back_node[j] = other
                        back_edge[j] = edge[k]
                        backs += 1
                for j in range(start, backs):
                    events[num_events] = here - back_node[j]
                    events[num_events + 1] = edge_rank[back_edge[j]]
                    num_events += 2
                events[num_events] = 0xFFFFFFFF
                num_events += 1
                count += 1
                back_ptr[count] = backs
                stack[depth] = v
                depth += 1
                # Go on to the next child, from the deepest node that has one.
                v = -1
                while depth > 0 and v < 0:
                    top = stack[depth - 1]
                    k = following[top]
                    while k < adjacency[top + 1] and position[target[k]] >= 0:
                        k += 1
                    following[top] = k
                    if k < adjacency[top + 1]:
                        v, up, symbol = target[k], position[top], edge[k]
                    else:
                        depth -= 1
                if v < 0:
                    break
        event_ptr[g + 1] = num_events
