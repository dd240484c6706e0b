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
from graphdistill.core.codec.symbols import Symbols
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
    out = np.empty(size, np.int64)
    out[np.argsort(-np.bincount(number, minlength=size), kind="stable")] = np.arange(size)
    return out


def walks(s: Symbols) -> Walks:
    """Walk all graphs: from the rarest node, to the most frequent edge and neighbour first, ties by colours."""
    num_nodes = len(s.node)
    source, target = s.pair.T
    source, target = np.concatenate([source, target]), np.concatenate([target, source])
    edge = np.concatenate([s.forward, s.backward])
    order = np.argsort(source, kind="stable")
    source, target, edge = source[order], target[order], edge[order]
    colour = colours(s.node, source, target, edge)
    node_rank, edge_rank = ranks(s.node, len(s.nodes)), ranks(edge, len(s.edges))
    rank = node_rank[s.node]
    graph = np.repeat(np.arange(len(s.node_ptr) - 1), np.diff(s.node_ptr))
    roots = np.lexsort((colour[-1], colour[2], colour[1], -rank, graph))
    child = np.empty(num_nodes, np.int64)
    child[np.lexsort((colour[-1], colour[4], colour[2], colour[1], rank))] = np.arange(num_nodes)
    order = np.lexsort((child[target], edge_rank[edge], source))
    source, target, edge = source[order], target[order], edge[order]
    adjacency = np.searchsorted(source, np.arange(num_nodes + 1))

    num_back = len(s.pair)  # at most: those that are no edge of a tree
    given: Any = [array(a) for a in (s.node_ptr, roots, adjacency, target, edge, node_rank[s.node], edge_rank)]
    visit, parent, edge_in = zeros(num_nodes), zeros(num_nodes), zeros(num_nodes)
    back_ptr, back_node, back_edge = zeros(num_nodes + 1), zeros(num_back), zeros(num_back)
    events, event_ptr = zeros(3 * num_nodes + 2 * num_back + 1), zeros(len(s.node_ptr))
    filled: Any = (visit, parent, edge_in, back_ptr, back_node, back_edge, events, event_ptr)
    _walk(*given, *filled)
    data = np.asarray(events, np.int64).astype(">u4").tobytes()
    keys = [data[4 * int(a) : 4 * int(b)] for a, b in itertools.pairwise(event_ptr)]
    by_event = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
    # Everything in the order of the sorted graphs.
    size = np.diff(s.node_ptr)
    index = stretches(s.node_ptr[by_event], size[by_event])
    visit, parent, edge_in, ptr, rings, ring_edges = (
        np.asarray(a, np.int64) for a in (visit, parent, edge_in, back_ptr, back_node, back_edge)
    )
    rings_of = np.diff(ptr)[index]
    back_index = stretches(ptr[index], rings_of)
    return Walks(
        graph=by_event,
        node=visit[index],
        size=size[by_event],
        symbol=s.node[visit[index]],
        parent=parent[index],
        edge=edge_in[index],
        back_count=rings_of,
        back_node=rings[back_index],
        back_edge=ring_edges[back_index],
    )


def stretches(start: Any, size: Any) -> Any:
    """The indices of stretches that begin at ``start``, one after another.

    Example:
        >>> stretches(np.array([5, 0]), np.array([2, 3])).tolist()
        [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(size)
    return np.repeat(start - ends + size, size) + np.arange(ends[-1] if len(ends) else 0)


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
