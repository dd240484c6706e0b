"""Graphs as weighted sets of computation trees over one dictionary.

Shape legend: G graphs, P pairs of a graph and a tree that occurs in it, n_k trees of depth k.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor

from graphdistill.core.data.tensors import ranges, segment_ptr, tensor_bytes, to_device
from graphdistill.core.scatter import Segments
from graphdistill.core.sets.payload import Declared, check_range, read_counts, read_stream
from graphdistill.core.trees import varint
from graphdistill.core.trees.dictionary import Trees
from graphdistill.core.trees.wl import group


@dataclass(frozen=True)
class Forest:
    """Graphs as weighted sets of trees over one dictionary.

    Attributes:
        trees: the dictionary.
        ptr: first pair of each graph and P at the end, long ``[G + 1]``.
        tree: a deepest tree of the dictionary that occurs in the graph, long ``[P]``.
        count: how many nodes of the graph have this tree, long ``[P]``.
    """

    trees: Trees
    ptr: Tensor
    tree: Tensor
    count: Tensor

    def __getstate__(self) -> dict[str, object]:
        """The fields alone; derived values are rebuilt on first use."""
        return {f.name: self.__dict__[f.name] for f in fields(self)}

    def __len__(self) -> int:
        return len(self.ptr) - 1

    @cached_property
    def nbytes(self) -> int:
        """Payload bytes: the dictionary and the pairs."""
        return tensor_bytes(*self.payload().values())

    def payload(self) -> dict[str, Tensor]:
        """Tensors to store.

        Trees of a graph are ascending and stored as gaps; the low bit of a gap marks a count other than one, which
        is stored separately. Smallest after :meth:`by_frequency`.
        """
        many = self.count != 1
        return {
            **self.trees.payload(),
            "pairs": varint.encode(self.ptr.diff()),
            "tree": varint.encode(self._steps),
            "count": varint.encode(self.count[many]),
        }

    @cached_property
    def _steps(self) -> Tensor:
        """Twice the gap to the graph's previous tree, plus one where the count is not one."""
        gap = self.tree.clone()
        gap[1:] -= self.tree[:-1]
        first = self.ptr[:-1][self.ptr.diff() > 0]
        gap[first] = self.tree[first]
        return 2 * gap + (self.count != 1)

    @classmethod
    def check_payload(cls, payload: Mapping[str, Declared]) -> None:
        """Check names, dtypes and shapes of a payload or of its header.

        Raises:
            ValueError: with the name of the tensor.
        """
        Trees.check_payload(payload, "pairs", "tree", "count")

    @classmethod
    def from_payload(cls, payload: Mapping[str, Tensor]) -> Forest:
        """Rebuild the forest from :meth:`payload`.

        Raises:
            ValueError: a tensor is missing, a row is out of range, or lengths do not fit.
        """
        cls.check_payload(payload)
        trees = Trees.from_payload(payload)
        coded = read_stream(payload, "tree", most=2 * max(trees.sizes[-1], 1) - 1)
        ptr = read_counts(payload, "pairs", total=len(coded))
        gap, many = coded // 2, coded % 2 == 1
        total = segment_ptr(gap)
        before = torch.repeat_interleave(total[ptr[:-1]], ptr.diff())
        later = torch.ones_like(many)
        later[ptr[:-1][ptr.diff() > 0]] = False
        if bool((gap[later] == 0).any()):
            raise ValueError("holds the same number twice in tree of one graph, expected ascending ones")
        count = torch.ones_like(coded)
        count[many] = read_stream(payload, "count", length=int(many.sum()))
        return cls(trees, ptr, check_range("tree", total[1:] - before, 0, trees.sizes[-1] - 1), count)

    def by_frequency(self) -> Forest:
        """The same graphs with the dictionary sorted by number of nodes per tree, then by content."""
        orders = []
        for ids, count in zip(self.trees.ids(), self.multiplicity(torch.long), strict=True):
            content = group(ids)[2]
            orders.append(content[count[content].sort(descending=True, stable=True).indices])
        last = orders[-1]
        place = torch.empty_like(last).scatter_(0, last, torch.arange(len(last), device=last.device))
        return from_counts(self.trees.reorder(orders), self.graph, place[self.tree], self.count, len(self))

    @cached_property
    def graph(self) -> Tensor:
        """Graph of each pair, long ``[P]``."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.ptr.device), self.ptr.diff())

    @cached_property
    def readouts(self) -> tuple[Segments, ...]:
        """Sums over the nodes of each graph, from a row for each tree of a depth, for depths 0 to L."""
        rows = [self.tree]
        for level in reversed(self.trees.levels):
            rows.append(level.truncated[rows[-1]])
        sizes = self.trees.sizes
        return tuple(Segments(self.ptr, row, size, self.count) for row, size in zip(rows[::-1], sizes, strict=True))

    @cached_property
    def num_nodes(self) -> Tensor:
        """Number of nodes of each graph, long ``[G]``."""
        return self.count.new_zeros(len(self)).index_add_(0, self.graph, self.count)

    def subset(self, index: Tensor, *, shrink: bool = True) -> Forest:
        """The graphs at ``index``; with ``shrink`` the dictionary keeps only their trees."""
        counts = self.ptr.diff()[index]
        pairs = ranges(self.ptr[index], counts)
        tree, trees = self.tree[pairs], self.trees
        if shrink:
            trees, rows = trees.restrict(tree)
            tree = rows[tree]
        return Forest(trees, segment_ptr(counts), tree, self.count[pairs])

    def counts(self) -> Forest:
        """The counts alone, which is all that networks read."""
        return self

    def to(self, device: torch.device | str) -> Forest:
        """The same graphs on a device."""
        return to_device(self, device)

    def cut(self, depth: int) -> Forest:
        """The same graphs counted over shallower trees."""
        trees, rows = self.trees.cut(depth)
        return from_counts(trees, self.graph, rows[self.tree], self.count, len(self))

    def multiplicity(self, dtype: torch.dtype) -> list[Tensor]:
        """Number of nodes with each tree, for each depth from 0 to L; the weights of batch statistics."""
        count = self.count.to(dtype)
        out = [count.new_zeros(self.trees.sizes[-1]).index_add_(0, self.tree, count)]
        for depth in range(self.trees.depth, 0, -1):
            below = count.new_zeros(self.trees.sizes[depth - 1])
            out.append(below.index_add_(0, self.trees.levels[depth - 1].truncated, out[-1]))
        return out[::-1]


def from_counts(trees: Trees, graph: Tensor, tree: Tensor, count: Tensor, num_graphs: int) -> Forest:
    """Build a forest from (graph, tree, count) triples in any order; equal pairs are summed.

    Args:
        trees: the dictionary.
        graph: graph of each triple, long ``[n]``.
        tree: deepest tree of each triple, long ``[n]``.
        count: how often it occurs, long ``[n]``.
        num_graphs: number G of graphs, so that empty ones keep their index.
    """
    pair, row = torch.unique(graph * trees.sizes[-1] + tree, return_inverse=True)
    total = count.new_zeros(len(pair)).index_add_(0, row, count)
    owner = pair // trees.sizes[-1]
    return Forest(trees, segment_ptr(torch.bincount(owner, minlength=num_graphs)), pair % trees.sizes[-1], total)
