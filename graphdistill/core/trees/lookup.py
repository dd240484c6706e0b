"""Known trees of graphs, found by compiled hashing and a hash table, without a dictionary of the graphs' own trees.

Trees are known by their keys (:func:`graphdistill.core.trees.wl.tree_keys`), which need only one of the two lanes of an
id; neither depends on the other.

Shape legend: G graphs, N nodes and E directed edges in all, F node features, D edge features, K known trees.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.compiled import compiled
from graphdistill.core.scatter._reference import LABEL
from graphdistill.core.splitmix64 import FACTORS, word
from graphdistill.core.trees.wl import DEPTH

Array = np.ndarray[Any, Any]

_27, _30, _31, _32, _40 = (np.uint64(shift) for shift in (27, 30, 31, 32, 40))
_ODD, _MOST_SHIFTS, _MOST_DOUBLINGS = np.uint64(1), 1 << 20, 7
_FIRST, _SECOND = np.uint64(FACTORS[0]), np.uint64(FACTORS[1])
_LABEL, DEPTH_WORD = np.uint64(LABEL & (1 << 64) - 1), np.uint64(DEPTH & (1 << 64) - 1)
OUTSIDE, FALLING = 1, 2
"""What :func:`hash_nodes` returns where an edge leaves the batch or its graphs' first nodes do not rise; else 0."""


class Table(NamedTuple):
    """A hash table of K keys without collisions, by displacement (Fox et al., SIGIR 1992): one probe is enough.

    Attributes:
        shift: how far the keys of each group of keys are moved, uint32 ``[B]``.
        entries: key and place of each slot, uint64 ``[S, 2]``; the place is K where a slot is empty.
    """

    shift: Array
    entries: Array


class GraphArrays(NamedTuple):
    """Arrays of graphs, with the words that hash their kinds of features; no words for edges without features.

    Attributes:
        x: node features ``[N, F]``.
        edge_index: source and target of each edge ``[2, E]``.
        edge_attr: edge features ``[E, D]``.
        ptr: first node of each graph and N at the end ``[G + 1]``.
        x_words: summand and factors of the node features, uint64 ``[1 + F]``.
        degree_words: those of the in-degree.
        edge_words: those of the edge features, uint64 ``[1 + D]``, or empty.
    """

    x: Array
    edge_index: Array
    edge_attr: Array
    ptr: Array
    x_words: Array
    degree_words: Array
    edge_words: Array


def make_table(keys: Tensor) -> Table:
    """A hash table that finds the place of each of some distinct keys.

    Args:
        keys: keys of trees, long ``[K]``.

    Raises:
        ValueError: a key occurs twice, or keys are no hashes.

    Example:
        >>> table = make_table(torch.tensor([5, 7]))
        >>> places = np.empty(3, np.uint32)
        >>> find(np.array([5, 6, 7], np.uint64), np.uint64(0), *table, places, 2)
        >>> places.tolist()
        [0, 2, 1]
    """
    values = keys.cpu().numpy().astype(np.uint64)
    if len(np.unique(values)) < len(values):
        raise ValueError("keys must be distinct; give those of the trees of one set of graphs")
    size = 8
    while size < 2 * len(values):
        size *= 2
    # Keys are hashes, so that the smallest table does; keys that are alike need more room.
    for _ in range(_MOST_DOUBLINGS):
        table = _table(values, size)
        if _fill(values, _order(values, table), *table):
            return table
        size *= 2
    raise ValueError(f"keys are too alike for a table of {size // 2} slots; give hashes of trees")


def _table(values: Array, size: int) -> Table:
    """An empty table."""
    table = Table(np.zeros(size // 4, np.uint32), np.zeros((size, 2), np.uint64))
    table.entries[:, 1] = len(values)
    return table


def _order(values: Array, table: Table) -> Array:
    """Keys by group; large groups come first, while many slots are free."""
    group = (values >> _40) & np.uint64(len(table.shift) - 1)
    most = np.bincount(group.astype(np.int64), minlength=len(table.shift))[group.astype(np.int64)]
    return np.lexsort((group, -most))


def graph_arrays(x: Tensor, edge_index: Tensor, ptr: Tensor, edge_attr: Tensor | None = None) -> GraphArrays:
    """The tensors of a PyG batch as arrays for the compiled functions.

    Args:
        x: node features, integer or float ``[N, F]``.
        edge_index: source and target of each edge as indices of nodes of the batch, ``[2, E]``.
        ptr: first node of each graph and N at the end, ``[G + 1]``.
        edge_attr: edge features, integer or float ``[E, D]``. (default: none)

    Raises:
        ValueError: shapes do not fit together.
    """
    index, bounds, edges = np.ascontiguousarray(edge_index.long().numpy()), ptr.long().numpy(), _NO_EDGES
    if x.dim() != 2 or index.ndim != 2 or len(index) != 2 or bounds.ndim != 1:
        shapes = [list(x.shape), list(index.shape), list(bounds.shape)]
        raise ValueError(f"x, edge_index and ptr must have shapes [N, F], [2, E] and [G + 1], got {shapes}")
    if not len(bounds) or bounds[0] != 0 or bounds[-1] != len(x):
        raise ValueError(f"ptr must rise from 0 to {len(x)}, the rows of x, got {bounds[:8].tolist()}")
    edge_words = _NO_WORDS
    if edge_attr is not None:
        if edge_attr.dim() != 2 or len(edge_attr) != index.shape[1]:
            raise ValueError(f"edge_attr must have shape [{index.shape[1]}, D], got {list(edge_attr.shape)}")
        edges, edge_words = _integers(edge_attr), _words(edge_attr.shape[1], 2, edge_attr.is_floating_point())
    words = _words(x.shape[1], 1, x.is_floating_point())
    return GraphArrays(_integers(x), index, edges, bounds, words, _words(1, 3, False), edge_words)


def tree_ids(graphs: GraphArrays, depth: int) -> Tensor:
    """First lanes of the content ids of all nodes' trees, in-degrees in labels included, long ``[depth + 1, N]``.

    They are those of :func:`~graphdistill.core.trees.build.build_forest`.

    Args:
        graphs: the graphs.
        depth: depth of the deepest trees.

    Raises:
        ValueError: an edge leaves the batch.

    Example:
        >>> pair = graph_arrays(torch.tensor([[6], [6]]), torch.tensor([[0, 1], [1, 0]]), torch.tensor([0, 2]))
        >>> tree_ids(pair, 1).unique(dim=1).shape
        torch.Size([2, 1])
    """
    out = np.empty((depth + 1, len(graphs.x)), np.uint64)
    check_status(hash_nodes(graphs, out), graphs)
    return torch.from_numpy(out.view(np.int64))


def check_status(status: int, graphs: GraphArrays) -> None:
    """Raise the error that a compiled function found."""
    if status == OUTSIDE:
        index = graphs.edge_index
        raise ValueError(
            f"edge_index reaches from {index.min()} to {index.max()} but the batch has {len(graphs.x)} nodes; number "
            f"them from 0"
        )
    if status == FALLING:
        raise ValueError(f"ptr must rise from 0 to {len(graphs.x)}, the rows of x, got a smaller number after a larger")


_NO_EDGES, _NO_WORDS = np.zeros((0, 0), np.int64), np.zeros(0, np.uint64)


def _integers(values: Tensor) -> Array:
    """Values as whole numbers, floats by their bits, as in ``hash_rows``."""
    if values.is_floating_point():
        values = (values.double() + 0.0).contiguous().view(torch.long)
    elif values.dtype != torch.uint8:  # each type is compiled anew
        values = values.long()
    return np.ascontiguousarray(values.numpy())


@cache
def _words(width: int, salt: int, floating: bool) -> Array:
    """The first lane's summand and factors of ``hash_rows``."""
    salt += 1000 * floating
    numbers = [3 + 2 * salt, *(1 + 2 * (salt + 2000 * (column + 1)) for column in range(width))]
    return np.array([word(number) for number in numbers], np.int64).view(np.uint64)


@compiled
def _slot(key: Any, shift: Array, entries: Array) -> Any:
    moved = np.uint64(shift[(key >> _40) & np.uint64(len(shift) - 1)]) * _FIRST
    # A product says nothing about higher bits than those that are read, so these are folded into the lower ones.
    return (((key ^ (key >> _32) ^ moved) * _SECOND) >> _32) & np.uint64(len(entries) - 1)


@compiled
def _fill(keys: Array, order: Array, shift: Array, entries: Array) -> bool:
    """Place groups of keys one after another, each by the first shift at which all of its slots are free."""
    unknown, start = np.uint64(len(keys)), 0
    while start < len(order):
        group = (keys[order[start]] >> _40) & np.uint64(len(shift) - 1)
        stop = start
        while stop < len(order) and (keys[order[stop]] >> _40) & np.uint64(len(shift) - 1) == group:
            stop += 1
        placed = start
        while placed < stop:
            slot = _slot(keys[order[placed]], shift, entries)
            if entries[slot, 1] == unknown:
                entries[slot, 0], entries[slot, 1] = keys[order[placed]], np.uint64(order[placed])
                placed += 1
                continue
            while placed > start:
                placed -= 1
                slot = _slot(keys[order[placed]], shift, entries)
                entries[slot, 0], entries[slot, 1] = np.uint64(0), unknown
            shift[group] += np.uint32(1)
            if shift[group] > _MOST_SHIFTS:
                return False
        start = stop
    return True


@compiled
def find(keys: Array, salt: Any, shift: Array, entries: Array, places: Array, unknown: int) -> None:
    """Write the place of each key plus ``salt`` in a :class:`Table`, or ``unknown``, which is K."""
    slots = np.empty(len(keys), np.uint64)
    for i in range(len(keys)):  # a loop of its own has vector instructions
        slots[i] = _slot(keys[i] + salt, shift, entries)
    for i in range(len(keys)):  # a branch would often be mispredicted
        place = np.uint32(entries[slots[i], 1])
        places[i] = place if entries[slots[i], 0] == keys[i] + salt else np.uint32(unknown)


@compiled
def _mix(z: Any) -> Any:
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


@compiled
def _sum_rows(values: Array, words: Array, out: Array) -> None:
    """Write the sum of words of each row, which its hash mixes."""
    for i in range(len(values)):
        total = words[0]
        for j in range(values.shape[1]):
            value = np.uint64(values[i, j])
            total += (value ^ (value >> _32)) * words[j + 1]
        out[i] = total


@compiled
def _in_degrees(edge_index: Array, degree: Array) -> bool:
    """Count the edges that end at each node; ``False`` where one leaves the batch."""
    source, target, last = edge_index[0], edge_index[1], np.uint64(0)
    for e in range(len(target)):
        last = max(last, np.uint64(source[e]), np.uint64(target[e]))
    if len(target) and last >= np.uint64(len(degree)):
        return False
    for e in range(len(target)):
        degree[np.uint64(target[e])] += 1
    return True


@compiled
def _label_nodes(degree: Array, words: Array, out: Array) -> None:
    """Make hashes of sums of features, with in-degrees."""
    first, factor = words[0], words[1]
    for i in range(len(out)):
        out[i] = _mix(_mix(out[i]) + _mix(first + np.uint64(degree[i]) * factor))


@compiled
def _factors(sums: Array) -> None:
    """Make odd factors of sums of features of edges."""
    for e in range(len(sums)):
        sums[e] = _mix(sums[e]) | _ODD


@compiled
def _hash_level(label: Array, edge_index: Array, factor: Array, below: Array, out: Array) -> None:
    """Write the ids of trees from those that are one less deep; sums of hashed children need no order of the edges."""
    for i in range(len(out)):
        out[i] = label[i] * _LABEL
    source, target = edge_index[0], edge_index[1]
    for e in range(len(factor)):
        out[np.uint64(target[e])] += factor[e] * below[np.uint64(source[e])]
    for i in range(len(out)):
        out[i] = _mix(out[i])


@compiled
def hash_nodes(graphs: GraphArrays, out: Array) -> int:
    """Write the ids of all trees ``[depth + 1, N]``.

    Each function has loops over whole arrays, which the compiler turns into vector instructions, and indices without a
    sign, which it need not compare with 0.
    """
    x, edge_index, edge_attr, ptr, x_words, degree_words, edge_words = graphs
    for g in range(len(ptr) - 1):
        if ptr[g] > ptr[g + 1]:
            return FALLING
    degree = np.zeros(len(x), np.int64)
    if not _in_degrees(edge_index, degree):
        return OUTSIDE
    _sum_rows(x, x_words, out[0])
    _label_nodes(degree, degree_words, out[0])
    factor = np.full(edge_index.shape[1], _ODD)
    if len(edge_words):
        _sum_rows(edge_attr, edge_words, factor)
        _factors(factor)
    for k in range(1, len(out)):
        _hash_level(out[0], edge_index, factor, out[k - 1], out[k])
    return 0
