"""Build forests from graphs: lossless compression, merging of shards, or one tree per node."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphdistill.core.data.graphs import Graphs, feature_type
from graphdistill.core.data.tensors import ranges, segment_ptr
from graphdistill.core.scatter import sort_by, tree_hash_step
from graphdistill.core.trees.dictionary import Level, Trees, write_level
from graphdistill.core.trees.forest import Forest, from_counts
from graphdistill.core.trees.wl import edge_factor, group, hash_labels, hash_rows


def build_forest(graphs: Graphs, depth: int, *, verify: bool = False) -> Forest:
    """Compress graphs without loss into counts over their distinct depth-``depth`` computation trees.

    Labels carry the in-degree, so that GCN is exact at the leaves too. Rows and child slots are ordered by
    content, so the result does not depend on how nodes or edges were numbered.

    Args:
        graphs: the graphs.
        depth: depth of the trees, 0 or more; networks with at most that many layers are exact on the result.
        verify: compare every node with its class's representative, child by child, instead of relying on ids.

    Returns:
        One entry per graph, in order.

    Raises:
        ValueError: ``depth`` is negative.

    Example:
        >>> from torch_geometric.data import Data
        >>> ring = Data(x=torch.ones(4, 1).long(), edge_index=torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]))
        >>> forest = build_forest(Graphs.from_data_list([ring, ring]), depth=2)
        >>> forest.trees.sizes, forest.count.tolist()
        ((1, 1, 1), [4, 4])
    """
    trees, row = build_trees(graphs, graphs.in_degree, depth, verify=verify)
    return from_counts(trees, graphs.graph_of_node, row, torch.ones_like(row), len(graphs))


def build_trees(graphs: Graphs, in_degree: Tensor, depth: int, *, verify: bool = False) -> tuple[Trees, Tensor]:
    """The distinct trees of all nodes, and the tree of each node, long ``[N]``.

    Args:
        graphs: the graphs.
        in_degree: in-degree of each node that is part of its label, long ``[N]``.
        depth: as of :func:`build_forest`.
        verify: as of :func:`build_forest`.
    """
    if depth < 0:
        raise ValueError(f"depth must be 0 or more, got {depth}")
    label = ids = hash_labels(graphs.x, in_degree)
    _, row, first = group(ids)
    x, degree = graphs.x[first], in_degree[first]
    if verify:
        same = (x[row] == graphs.x).all() and bool((degree[row] == in_degree).all())
        assert same, "two labels share a 128-bit id"
    source, target = graphs.edge_index
    slots, ptr = sort_by(target, graphs.num_nodes)
    edge_attr, edge, factor = None, None, None
    if graphs.edge_attr is not None:
        lanes = hash_rows(graphs.edge_attr, salt=2)
        _, edge_row, edge_first = group(lanes)
        factor = edge_factor(lanes)[slots]
        del lanes  # 16 bytes an edge
        edge_attr, edge = graphs.edge_attr[edge_first], edge_row[slots]
        if verify:
            assert torch.equal(edge_attr[edge_row], graphs.edge_attr), "two edges share a 128-bit id"
    neighbour = source[slots]
    levels = []
    for _ in range(depth):
        ids = tree_hash_step(label, ids, ptr, neighbour, factor)
        _, above, first = group(ids)
        levels.append(write_level(row, ptr, row[neighbour], edge, first))
        if verify:
            _check(write_level(row, ptr, row[neighbour], edge, torch.arange(len(row))), levels[-1], above)
        row = above
    return Trees(x, degree, edge_attr, tuple(levels)), row


def uncompressed_forest(graphs: Graphs, depth: int) -> Forest:
    """Write graphs as a forest with a row per node: plain message passing.

    Args:
        graphs: the graphs.
        depth: number of equal levels.

    Returns:
        One entry per graph. Networks have the same output on it as on :func:`build_forest`, at the full graphs' cost.
    """
    nodes = torch.arange(graphs.num_nodes)
    slots, ptr = sort_by(graphs.edge_index[1], graphs.num_nodes)
    edge_attr, edge = None, None
    if graphs.edge_attr is not None:
        _, row, first = group(hash_rows(graphs.edge_attr, salt=2))
        edge_attr, edge = graphs.edge_attr[first], row[slots]
    level = Level(nodes, ptr, graphs.edge_index[0][slots], edge)
    trees = Trees(graphs.x, graphs.in_degree, edge_attr, (level,) * depth)
    return Forest(trees, graphs.node_ptr, nodes, torch.ones_like(nodes))


def merge(forests: Sequence[Forest]) -> Forest:
    """Merge forests that were built separately, such as shards; the result equals building them together.

    Args:
        forests: at least one, all of the same depth and kinds of features.

    Returns:
        The graphs of all forests in order, over one dictionary.

    Raises:
        ValueError: depths, or widths or types of features or edge features, differ.

    Example:
        >>> from torch_geometric.data import Data
        >>> dot = Graphs.from_data_list([Data(x=torch.tensor([[6]]), edge_index=torch.empty(2, 0).long())])
        >>> whole = merge([build_forest(dot, 1), build_forest(dot, 1)])
        >>> len(whole), whole.trees.sizes
        (2, (1, 1))
    """
    kinds = {(f.trees.depth, feature_type(f.trees.x), feature_type(f.trees.edge_attr)) for f in forests}
    if len(kinds) != 1:
        raise ValueError(f"forests differ in (depth, features, edge features): {sorted(kinds)}; build them alike")
    parts = [f.trees for f in forests]
    ids = [torch.cat(level) for level in zip(*(p.ids() for p in parts), strict=True)]
    edge_attr, edge_maps = None, list[Tensor]()
    if parts[0].edge_attr is not None:
        table = torch.cat([p.edge_attr for p in parts if p.edge_attr is not None])
        _, edge_map, first = group(hash_rows(table, salt=2))
        edge_attr = table[first]
        edge_maps = list(edge_map.split([len(p.edge_attr) for p in parts if p.edge_attr is not None]))
    _, row, first = group(ids[0])
    x, degree = torch.cat([p.x for p in parts])[first], torch.cat([p.degree for p in parts])[first]
    levels = []
    for depth in range(1, parts[0].depth + 1):
        maps = row.split([p.sizes[depth - 1] for p in parts])
        here = [p.levels[depth - 1] for p in parts]
        truncated = torch.cat([m[level.truncated] for m, level in zip(maps, here, strict=True)])
        child = torch.cat([m[level.child] for m, level in zip(maps, here, strict=True)])
        edge = None
        if edge_attr is not None:
            edge = torch.cat([m[level.edge] for m, level in zip(edge_maps, here, strict=True)])
        slot_ptr = segment_ptr(torch.cat([level.ptr.diff() for level in here]))
        _, above, first = group(ids[depth])
        levels.append(write_level(truncated, slot_ptr, child, edge, first))
        row = above
    trees = Trees(x, degree, edge_attr, tuple(levels))
    maps = row.split([p.sizes[-1] for p in parts])
    tree = torch.cat([m[f.tree] for m, f in zip(maps, forests, strict=True)])
    ptr = segment_ptr(torch.cat([f.ptr.diff() for f in forests]))
    graph = torch.repeat_interleave(torch.arange(len(ptr) - 1), ptr.diff())
    return from_counts(trees, graph, tree, torch.cat([f.count for f in forests]), len(ptr) - 1)


def _check(everyone: Level, level: Level, row: Tensor) -> None:
    """Fail if a node's tree differs from the tree of its class."""
    counts = level.ptr.diff()[row]
    slots = ranges(level.ptr[row], counts)
    same = torch.equal(everyone.truncated, level.truncated[row]) and torch.equal(everyone.ptr.diff(), counts)
    same = same and torch.equal(everyone.child, level.child[slots])
    if level.edge is not None and everyone.edge is not None:
        same = same and torch.equal(everyone.edge, level.edge[slots])
    assert same, "two trees share a 128-bit id"
