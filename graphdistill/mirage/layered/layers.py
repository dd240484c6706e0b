"""The layers of a forest: kinds of rows for each depth, and the edges of each round of message passing.

Shape legend: n_k trees of depth k, s_k slots (edges into those trees, repeated where trees repeat), m_k messages.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from graphdistill.core.data.tensors import ranges, segment_ptr
from graphdistill.core.trees.forest import Forest
from graphdistill.mirage.layered.row_by_row import META, function_name
from graphdistill.mirage.layered.rows import Link, Rows
from graphdistill.mirage.layered.tree_tensor import TreeTensor, align, reduce, refuse, tag

UNUSABLE = "reads edge_index itself, or runs outside of batch.run or of a loop over LosslessLoader"

Loops = Literal["keep", "remove", "add"]
"""Self-loops of a graph as they are, none, or exactly one at each node."""


class Round(NamedTuple):
    """One round of message passing, from trees of depth k - 1 to trees of depth k.

    Attributes:
        source: index of each message's tree of depth k - 1.
        target: index of each slot's tree of depth k; slots stand on messages.
        edge: from each message to its row of edge features, without added self-loops, which come last; or ``None``.
    """

    source: TreeTensor
    target: TreeTensor
    edge: Link | None


class Layers:
    """All kinds of rows of a forest.

    Args:
        forest: of trees with the labels that :func:`graphdistill.mirage.layered.source.read` gives.
        loops: whether labels have a last column that counts self-loops, and edges one that marks them.
        fast: use this library's segment operations.
    """

    def __init__(self, forest: Forest, *, loops: bool, fast: bool):
        trees = forest.trees
        self.forest, self.loops, self.fast, self.depth = forest, loops, fast, trees.depth
        self.reached = 0
        counts = forest.multiplicity(torch.long)
        self.trees: list[Rows] = []
        for k, size in enumerate(trees.sizes):
            below = self.trees[-1] if k else None
            link = Link(trees.levels[k - 1].truncated, trees.sizes[k - 1], fast=fast) if k else None
            row = Rows(
                f"trees of depth {k}", size, partial(counts.__getitem__, k), depth=k, below=below, link=link, fast=fast
            )
            self.trees.append(row)
        occurrence = Link(forest.tree, trees.sizes[-1], fast=fast)
        occurrences = Rows(
            "nodes by graph", len(forest.tree), lambda: forest.count, below=self.trees[-1], link=occurrence, fast=fast
        )
        self.batch = tag(forest.graph, occurrences, Link(forest.graph, len(forest), forest.ptr, fast))
        self.edges = None
        if trees.edge_attr is not None:
            self.edges = Rows("edges", len(trees.edge_attr), self._edge_counts)
        self.rounds: dict[tuple[int, Loops, bool], Round] = {}

    def _edge_counts(self) -> Tensor:
        level, count = self.forest.trees.levels[0], self.trees[1].counts
        assert level.edge is not None
        assert self.edges is not None
        return count.new_zeros(self.edges.size).index_add_(0, level.edge, count[level.target])

    def round(self, k: int, loops: Loops, with_edges: bool) -> Round:
        """The round that ends at depth ``k``; with edge features, messages are distinct pairs of child and edge."""
        key = k, loops, with_edges
        if key not in self.rounds:
            self.rounds[key] = self._build(*key)
        return self.rounds[key]

    def _build(self, k: int, loops: Loops, with_edges: bool) -> Round:
        level, below, above = self.forest.trees.levels[k - 1], self.trees[k - 1], self.trees[k]
        child, edge, target = level.child, level.edge, level.target
        if self.loops and loops != "keep":
            assert edge is not None
            assert self.forest.trees.edge_attr is not None
            kept = self.forest.trees.edge_attr[edge, -1] == 0
            child, edge, target = child[kept], edge[kept], target[kept]
        number = torch.bincount(target, minlength=above.size)
        messages, link, row, source = below, None, child, child
        if with_edges:
            assert self.edges is not None
            assert edge is not None
            pairs, row = torch.unique(child * self.edges.size + edge, return_inverse=True)
            link, source = Link(pairs % self.edges.size, self.edges.size, fast=self.fast), pairs // self.edges.size
        if loops == "add":
            # A tree's own message comes first among its slots.
            own = torch.arange(above.size, device=row.device) + len(source) if with_edges else level.truncated
            ptr = segment_ptr(number + 1)
            index = torch.empty(int(ptr[-1]), dtype=torch.long, device=row.device)
            index[ptr[:-1]], index[ranges(ptr[:-1] + 1, number)] = own, row
            source = torch.cat([source, level.truncated])
            target = torch.repeat_interleave(torch.arange(above.size, device=row.device), number + 1)
        else:
            ptr, index = segment_ptr(number), row
        if with_edges:
            messages = Rows(f"messages to depth {k}", len(source), lambda: _received(slots), fast=self.fast)
        into = Link(index, messages.size, fast=self.fast)
        slots = Rows(
            f"edges to depth {k}", len(index), lambda: above.counts[target], below=messages, link=into, fast=self.fast
        )
        return Round(
            tag(source, messages, Link(source, below.size, fast=self.fast), below),
            tag(target, slots, Link(target, above.size, ptr, self.fast), above),
            link,
        )

    def degree(self, k: int, loops: Loops) -> Tensor:
        """In-degree of the roots of the trees of depth ``k``, long ``[n_k]``."""
        trees = self.forest.trees
        degree = trees.degree
        if loops == "add":
            degree = degree + 1 - (trees.x[:, -1].long() if self.loops else 0)
        return self.trees[k].link(self.trees[0]).gather(degree) if k else degree


class Edges(Tensor):
    """Stands for ``edge_index``: which edges these are depends on the depth of the nodes that they are used with."""

    layers: Layers
    loops: Loops = "keep"
    fill: float | str | Tensor | None = None
    normalise: bool = False
    current: Round | None = None

    @classmethod
    def of(cls, layers: Layers, **more: Any) -> Edges:
        """All edges, or other ones.

        Args:
            layers: the layers.
            more: ``loops`` (``keep``, ``remove`` or ``add``), ``fill`` (features of added self-loops: a number, or how
                they are made of the features of all edges), ``normalise`` (by GCN's degrees) and ``current`` (a round).
        """
        out = layers.forest.ptr.new_empty(2, 0).as_subclass(cls)
        out.layers = layers
        for name, value in more.items():
            setattr(out, name, value)
        return out

    def variant(self, **more: Any) -> Edges:
        """These edges with other settings."""
        old = {"loops": self.loops, "fill": self.fill, "normalise": self.normalise, "current": self.current}
        return self.of(self.layers, **(old | more))

    def __getitem__(self, key: Any) -> Tensor:
        if self.current is None or key not in (0, 1):
            refuse(UNUSABLE)
        return self.current.target if key else self.current.source

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer what needs no edge; refuse all else."""
        if function_name(func) not in (*META, "as_subclass"):
            refuse(UNUSABLE)
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))


def prepare(edges: Edges, values: dict[str, Any]) -> tuple[Edges, dict[str, Any]]:
    """The edges of the round that follows the deepest of the values of nodes, and the values that it takes.

    Args:
        edges: as the model passed them.
        values: what a convolution passes to its messages: values of nodes (or pairs of them), edges or slots.

    Raises:
        ValueError: the trees are not deep enough, or values of graphs reach nodes.
    """
    layers = edges.layers
    found = [x for value in values.values() for x in (value if isinstance(value, tuple | list) else [value])]
    rows = [x.rows for x in found if isinstance(x, TreeTensor)]
    if layers.batch.rows in rows:
        refuse("passes on what its graph gave to a node, as a virtual node or a positional feature does")
    depths = [r.depth for r in rows if r.depth is not None]
    k = 1 + max(depths, default=0)
    if k > layers.depth:
        raise ValueError(
            f"depth is {layers.depth}, but the model passes messages {k} times or more; "
            f"give lossless or LosslessLoader a depth of at least {k}"
        )
    layers.reached = max(layers.reached, k)
    with_edges = layers.edges is not None and layers.edges in rows
    here = layers.round(k, edges.loops, with_edges)
    alike = layers.rounds.get((k, edges.loops, not with_edges), here).target.rows

    def fit(x: Any) -> Any:
        if isinstance(x, tuple | list):
            return type(x)([fit(part) for part in x])
        if not isinstance(x, TreeTensor):
            return x
        if x.rows.depth is not None:
            return tag(align(x, layers.trees[k - 1]), layers.trees[k - 1])
        if x.rows is layers.edges:
            return tag(_edge_values(x, edges, here, k), here.source.rows)
        if x.rows is alike:  # weights of the same edges, which were made with edge features, or without
            return tag(align(x, x.rows), here.target.rows)
        if x.rows not in (here.source.rows, here.target.rows):
            refuse(f"passes {x.rows.name} on as messages to depth {k}")
        return x

    values = {name: fit(value) for name, value in values.items()}
    if edges.normalise:
        values["edge_weight"] = _gcn_weight(layers, here, k, edges.loops, found)
    return edges.variant(current=here), values


def _edge_values(x: TreeTensor, edges: Edges, here: Round, k: int) -> Tensor:
    """Edge features of each message; those of added self-loops last."""
    assert here.edge is not None
    values = here.edge.gather(align(x, x.rows))
    if edges.loops != "add":
        return values
    shape = edges.layers.trees[k].size, *values.shape[1:]
    if isinstance(edges.fill, str):
        others = edges.layers.round(k, "remove", True)
        assert others.edge is not None
        each = tag(others.edge.gather(align(x, x.rows)), others.source.rows)
        how: Any = {"add": "sum"}.get(edges.fill, edges.fill)
        total = reduce(each, others.target, how)
        assert isinstance(total, TreeTensor)
        own = align(total, edges.layers.trees[k])
    else:
        fill = torch.as_tensor(1.0 if edges.fill is None else edges.fill).to(values)
        own = fill.expand(shape)
    return torch.cat([values, own])


def _gcn_weight(layers: Layers, here: Round, k: int, loops: Loops, like: list[Any]) -> Tensor:
    """GCN's weight of each slot, the inverse root of the product of both degrees."""
    dtype = next(x.dtype for x in like if isinstance(x, Tensor))
    factors = []
    for depth in (k - 1, k):
        factor = layers.degree(depth, loops).to(dtype).pow(-0.5)
        factors.append(factor.masked_fill(factor == torch.inf, 0))
    slots, link = here.target.rows, here.target.link
    assert link is not None
    return tag(slots.link(here.source.rows).gather(factors[0]) * link.gather(factors[1]), slots)


def _received(slots: Rows) -> Tensor:
    """How many edges of the graphs carry each message."""
    assert slots.below is not None
    return slots.counts.new_zeros(slots.below.size).index_add_(0, slots.link(slots.below).index, slots.counts)
