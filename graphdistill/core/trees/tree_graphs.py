"""Counted trees written as graphs, so that sets without real graphs are stored by the same codec.

A tree that occurs ``count`` times in an entry becomes a component of the entry's graph, with edges from child to
parent. Two more columns hold the in-degree of each node in its real graph, which leaves do not show, and at the root
the count.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import ranges, segment_ptr
from graphdistill.core.trees.build import build_trees
from graphdistill.core.trees.forest import Forest, from_counts


def tree_graphs(forest: Forest) -> tuple[Graphs, Tensor]:
    """One graph for each entry of a forest, with a component for each of its trees.

    Returns:
        The graphs, and in-degree and count (0 except at roots) of each node, long ``[N, 2]``.

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.trees.build import build_forest
        >>> pair = Data(x=torch.tensor([[6], [6]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> graphs, columns = tree_graphs(build_forest(Graphs.from_data_list([pair]), 1))
        >>> graphs.x.tolist(), columns.tolist(), graphs.edge_index.tolist()
        ([[6], [6]], [[1, 2], [1, 0]], [[1], [0]])
    """
    trees, roots = forest.trees, forest.trees.roots()
    tree, owner, parent = forest.tree, forest.graph, torch.full_like(forest.tree, -1)
    count = forest.count
    parts: list[tuple[Tensor, ...]] = []
    num, edge = 0, torch.full_like(tree, -1)
    for depth in range(trees.depth, -1, -1):
        label = roots[depth][tree]
        parts.append((owner, label, count, parent, edge))
        if depth:
            level = trees.levels[depth - 1]
            children = level.ptr.diff()[tree]
            slots = ranges(level.ptr[tree], children)
            parent = torch.repeat_interleave(torch.arange(len(tree)) + num, children)
            num, owner = num + len(tree), torch.repeat_interleave(owner, children)
            tree, count = level.child[slots], torch.zeros_like(slots)
            edge = slots if level.edge is None else level.edge[slots]
    owner, label, count, parent, edge = (torch.cat(part) for part in zip(*parts, strict=True))
    # Nodes are sorted by entry; edges follow their children.
    order = owner.sort(stable=True).indices
    place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
    child = order[parent[order] >= 0]
    sizes = torch.bincount(owner, minlength=len(forest))
    edges = torch.bincount(owner[child], minlength=len(forest))
    graphs = Graphs(
        x=trees.x[label][order],
        edge_index=torch.stack([place[child], place[parent[child]]]),
        edge_attr=None if trees.edge_attr is None else trees.edge_attr[edge[child]],
        node_ptr=segment_ptr(sizes),
        edge_ptr=segment_ptr(edges),
    )
    return graphs, torch.stack([trees.degree[label], count], dim=1)[order]


def forest_of_tree_graphs(graphs: Graphs, columns: Tensor, depth: int) -> Forest:
    """The forest that :func:`tree_graphs` wrote, its dictionary and entries in canonical order.

    Args:
        graphs: graphs of :func:`tree_graphs`.
        columns: in-degree and count of each node, long ``[N, 2]``.
        depth: depth of the trees.
    """
    degree, count = columns.T
    root = (count > 0).nonzero().view(-1)
    trees, row = build_trees(graphs, degree, depth)
    forest = from_counts(trees, graphs.graph_of_node[root], row[root], count[root], len(graphs))
    return forest.subset(torch.arange(len(graphs)))
