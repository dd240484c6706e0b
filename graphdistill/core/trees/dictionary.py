r"""Dictionaries of distinct computation trees, on which a GNN trains exactly as on the graphs.

A depth-k tree is a root and the depth-(k-1) trees of its in-neighbours, so all distinct trees of a collection
form a directed acyclic dictionary, one level per depth, in which every tree is written once. A GNN of depth L
gives equal nodes equal embeddings: layer k needs one row per depth-k tree, not one per node,

.. math:: h_k(t) = \mathrm{UPDATE}(h_{k-1}(\mathrm{truncated}(t)),
    \{(b, h_{k-1}(c)) : (b, c) \in \mathrm{children}(t)\})

and the readout of a graph is a count-weighted sum (or mean) over its trees of each depth. Outputs and gradients
are those of the full graphs.

Shape legend: n_k trees at depth k, e_k child slots at depth k, B distinct edge features, G graphs, P pairs of a
graph and a tree that occurs in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from graphdistill.core.data.tensors import downcast, ranges, segment_ptr
from graphdistill.core.scatter import Segments, tree_hash_step
from graphdistill.core.sets.payload import Declared, check_finite, check_streams, read_counts, read_stream
from graphdistill.core.trees import varint
from graphdistill.core.trees.wl import edge_factor, hash_labels, hash_rows

T = TypeVar("T")

MAX_DEPTH = 255
"""Largest depth of stored trees."""


class ChildEdgePairs(NamedTuple):
    """Distinct (child, edge) pairs: segments that gather children and edges, and sums over slots."""

    child: Segments
    edge: Segments
    segments: Segments


class Attention(NamedTuple):
    """Entries that a tree attends to, itself first, then its children: segments of child, root and edges, and sums."""

    child: Segments
    root: Segments
    edge: Segments | None
    entries: Segments
    parent: Segments
    heads: Segments


@dataclass(frozen=True)
class Level:
    """All trees of one depth, written in terms of the trees one level shallower.

    Attributes:
        truncated: the same tree cut one level shorter, as a row of the level below, long ``[n_k]``.
        ptr: first child slot of each tree and e_k at the end, long ``[n_k + 1]``.
        child: tree of the in-neighbour in each slot, a row of the level below, long ``[e_k]``.
        edge: edge features of each slot, a row of the edge table, long ``[e_k]``, or ``None``.
    """

    truncated: Tensor
    ptr: Tensor
    child: Tensor
    edge: Tensor | None

    def __getstate__(self) -> dict[str, object]:
        """The fields alone; derived values are rebuilt on first use."""
        return {f.name: self.__dict__[f.name] for f in fields(self)}

    @cached_property
    def target(self) -> Tensor:
        """Tree that each child slot belongs to, long ``[e_k]``."""
        return torch.repeat_interleave(torch.arange(len(self.truncated), device=self.truncated.device), self.ptr.diff())

    def children(self, num_rows: int) -> Segments:
        """Sums over the children of each tree, for a level below of ``num_rows`` trees."""
        return self._once("_children", lambda: Segments(self.ptr, self.child, num_rows))

    def roots(self, num_rows: int) -> Segments:
        """The same tree cut one level shorter, gathered from a level below of ``num_rows`` trees."""
        return self._once("_roots", lambda: Segments.rows(self.truncated, num_rows))

    def attention(self, num_rows: int, num_edges: int | None, heads: int, dtype: torch.dtype) -> Attention:
        """Segments for attention over a tree and its children; ``num_edges`` is ``None`` without edge features."""

        def build() -> Attention:
            count = self.ptr.diff()
            ptr = segment_ptr(count + 1)
            itself, parent = ptr[:-1], torch.repeat_interleave(torch.arange(len(count), device=ptr.device), count + 1)
            slot = torch.ones(len(parent), dtype=torch.bool, device=ptr.device).index_fill_(0, itself, False)
            child = torch.empty_like(parent)
            child[itself], child[slot] = self.truncated, self.child
            edges = None
            if num_edges is not None and self.edge is not None:
                # A child's entry gathers its edge; the tree's own entry gathers the mean of all edges.
                length = torch.ones_like(parent).index_copy_(0, itself, count)
                edge_ptr = segment_ptr(length)
                share = (1 / length.to(dtype)).repeat_interleave(length)
                index = torch.empty(len(share), dtype=torch.long, device=ptr.device)
                index[edge_ptr[:-1][slot]] = self.edge
                index[ranges(edge_ptr[itself], count)] = self.edge
                edges = Segments(edge_ptr, index, num_edges, share)
            entries = Segments.entries(ptr, len(child))
            children = Segments(ptr, child, num_rows)
            root = Segments.rows(self.truncated[parent], num_rows)
            return Attention(children.apart(), root, edges, entries, entries.backwards(), children.blocks(heads))

        return self._once(f"_attention {num_edges} {heads} {dtype}", build)

    def pairs(self, num_rows: int, num_edges: int) -> ChildEdgePairs:
        """The distinct (child, edge) pairs of the slots, and sums over them for each tree."""

        def build() -> ChildEdgePairs:
            assert self.edge is not None
            pair, row = torch.unique(self.child * num_edges + self.edge, return_inverse=True)
            segments = Segments(self.ptr, row, len(pair))
            child, edge = pair // num_edges, pair % num_edges
            return ChildEdgePairs(Segments.rows(child, num_rows), Segments.rows(edge, num_edges), segments)

        return self._once("_pairs", build)

    def _once(self, name: str, build: Callable[[], T]) -> T:
        """Build a derived object on first use."""
        if name not in self.__dict__:
            self.__dict__[name] = build()
        out: T = self.__dict__[name]
        return out


@dataclass(frozen=True)
class Trees:
    """A dictionary of computation trees, closed under taking children and under cutting one level off.

    Attributes:
        x: features of each depth-0 tree, integer or float ``[n_0, F]``.
        degree: in-degree in the graph of nodes with this label, long ``[n_0]``; GCN needs it at leaves.
        edge_attr: distinct edge features ``[B, D]``, or ``None``.
        levels: depths 1 to L.
    """

    x: Tensor
    degree: Tensor
    edge_attr: Tensor | None
    levels: tuple[Level, ...]

    @property
    def depth(self) -> int:
        """Depth L of the deepest level."""
        return len(self.levels)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of trees of each depth, from 0 to L."""
        return (len(self.x), *(len(level.truncated) for level in self.levels))

    def payload(self) -> dict[str, Tensor]:
        """Tensors to store: features in the smallest dtypes, structure as byte streams of small integers.

        Raises:
            ValueError: the trees are deeper than 255.
        """
        if self.depth > MAX_DEPTH:
            raise ValueError(f"depth must be at most {MAX_DEPTH} for trees that are stored, got {self.depth}")
        out = {"x": downcast(self.x), "degree": varint.encode(self.degree)}
        if self.edge_attr is not None:
            out["edge_attr"] = downcast(self.edge_attr)
        for depth, level in enumerate(self.levels, start=1):
            out[f"own{depth}"] = varint.encode(level.truncated)
            out[f"children{depth}"] = varint.encode(level.ptr.diff())
            out[f"child{depth}"] = varint.encode(level.child)
            if level.edge is not None:
                out[f"edge{depth}"] = varint.encode(level.edge)
        return out

    @classmethod
    def check_payload(cls, payload: Mapping[str, Declared], *more: str) -> None:
        """Check names, dtypes and shapes of a payload that also has the streams ``more``.

        Raises:
            ValueError: with the name of the tensor.
        """
        depth = sum(name.startswith("own") for name in payload)
        if depth > MAX_DEPTH:
            raise ValueError(f"holds trees of depth {depth}, at most {MAX_DEPTH} is read")
        parts = ["own", "children", "child", *(["edge"] if "edge_attr" in payload else [])]
        check_streams(payload, ["degree", *more, *(f"{part}{k}" for k in range(1, depth + 1) for part in parts)])

    @classmethod
    def from_payload(cls, payload: Mapping[str, Tensor]) -> Trees:
        """Rebuild the dictionary from :meth:`payload`.

        Raises:
            ValueError: a tensor is missing, a row is out of range, or lengths do not fit.
        """
        x, attr = payload["x"], payload.get("edge_attr")
        for name in ("x", "edge_attr") if attr is not None else ("x",):
            check_finite(name, payload[name])
        levels: list[Level] = []
        size = len(x)
        for k in range(1, 1 + sum(name.startswith("own") for name in payload)):
            truncated = read_stream(payload, f"own{k}", most=size - 1)
            child = read_stream(payload, f"child{k}", most=size - 1)
            ptr = read_counts(payload, f"children{k}", total=len(child), length=len(truncated))
            edge = None
            if attr is not None:
                edge = read_stream(
                    payload, f"edge{k}", length=len(child), most=len(check_finite("edge_attr", attr)) - 1
                )
            levels.append(Level(truncated, ptr, child, edge))
            size = len(truncated)
        return cls(x, read_stream(payload, "degree", length=len(x)), attr, tuple(levels))

    def ids(self) -> list[Tensor]:
        """Content ids of all trees, long ``[n_k, 2]`` per depth: those of :mod:`graphdistill.core.trees.wl`."""
        out = [hash_labels(self.x, self.degree)]
        factors = None if self.edge_attr is None else edge_factor(hash_rows(self.edge_attr, salt=2))
        label = out[0]
        for level in self.levels:
            label = label[level.truncated]
            factor = None if factors is None or level.edge is None else factors[level.edge]
            out.append(tree_hash_step(label, out[-1], level.ptr, level.child, factor))
        return out

    def roots(self) -> list[Tensor]:
        """The depth-0 row of every tree's root, long ``[n_k]`` per depth."""
        rows = torch.arange(len(self.x), device=self.x.device)
        out = [rows]
        for level in self.levels:
            out.append(out[-1][level.truncated])
        return out

    def restrict(self, keep: Tensor) -> tuple[Trees, Tensor]:
        """The smallest dictionary that holds the given deepest trees.

        Args:
            keep: rows of the deepest level, long ``[m]``, repeats allowed.

        Returns:
            The dictionary and the new row of each old deepest tree (-1 where dropped), long ``[n_L]``.
        """
        keep = _distinct(keep, self.sizes[-1])
        new_rows = _renumber(keep, self.sizes[-1])
        top, levels = new_rows, []
        for depth in range(self.depth, 0, -1):
            level = self.levels[depth - 1]
            counts = level.ptr.diff()[keep]
            slots = ranges(level.ptr[keep], counts)
            truncated, child = level.truncated[keep], level.child[slots]
            keep = _distinct(torch.cat([truncated, child]), self.sizes[depth - 1])
            new_rows = _renumber(keep, self.sizes[depth - 1])
            edge = None if level.edge is None else level.edge[slots]
            levels.append(Level(new_rows[truncated], segment_ptr(counts), new_rows[child], edge))
        return Trees(self.x[keep], self.degree[keep], self.edge_attr, tuple(reversed(levels))), top

    def cut(self, depth: int) -> tuple[Trees, Tensor]:
        """The dictionary up to ``depth``, and each deepest tree's row at that depth."""
        if not 0 <= depth <= self.depth:
            raise ValueError(f"depth must be from 0 to {self.depth}, got {depth}")
        rows = torch.arange(self.sizes[-1], device=self.x.device)
        for level in reversed(self.levels[depth:]):
            rows = level.truncated[rows]
        return replace(self, levels=self.levels[:depth]), rows

    def reorder(self, orders: Sequence[Tensor]) -> Trees:
        """The same trees with row ``orders[k][i]`` of depth k moved to row i, child slots in canonical order."""
        places = [_renumber(order, len(order)) for order in orders]
        levels = tuple(
            write_level(below[level.truncated], level.ptr, below[level.child], level.edge, order)
            for level, below, order in zip(self.levels, places, orders[1:], strict=False)
        )
        return Trees(self.x[orders[0]], self.degree[orders[0]], self.edge_attr, levels)


def write_level(truncated: Tensor, ptr: Tensor, child: Tensor, edge: Tensor | None, rows: Tensor) -> Level:
    """A level of the given ``rows`` of unsorted trees, with the children of each sorted by tree and edge.

    Example:
        >>> level = write_level(torch.tensor([4]), torch.tensor([0, 2]), torch.tensor([9, 3]), None, torch.tensor([0]))
        >>> level.child.tolist()
        [3, 9]
    """
    counts = ptr.diff()[rows]
    slots = ranges(ptr[rows], counts)
    keys = [child[slots], torch.repeat_interleave(torch.arange(len(rows), device=rows.device), counts)]
    if edge is not None:
        keys.insert(0, edge[slots])
    order = torch.arange(len(slots), device=slots.device)
    for key in keys:
        order = order[key[order].sort(stable=True).indices]
    slots = slots[order]
    return Level(truncated[rows], segment_ptr(counts), child[slots], None if edge is None else edge[slots])


def _distinct(rows: Tensor, size: int) -> Tensor:
    """Ascending distinct values of ``rows``, all below ``size``."""
    seen = torch.zeros(size, dtype=torch.bool, device=rows.device)
    seen[rows] = True
    return seen.nonzero().view(-1)


def _renumber(keep: Tensor, size: int) -> Tensor:
    """Map from old rows to their position in ``keep``, -1 where dropped."""
    rows = torch.full((size,), -1, dtype=torch.long, device=keep.device)
    rows[keep] = torch.arange(len(keep), device=keep.device)
    return rows
