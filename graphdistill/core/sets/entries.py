"""Entries of sets of graphs as PyG graphs that stock networks train on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.forest import Forest

if TYPE_CHECKING:
    from torch_geometric.data import Data


def plain_graph(graphs: Graphs, index: int, **extra: Tensor) -> Data:
    """The graph at ``index`` with the attributes of :func:`unfold`: every node is a root that counts once."""
    from torch_geometric.data import Data

    graph = graphs[index]
    assert graph.x is not None
    nodes, edges = len(graph.x), graph.num_edges
    ones = torch.ones(nodes, dtype=torch.long)
    return Data(**graph.to_dict(), edge_weight=torch.ones(edges), root=ones.bool(), count=ones, **extra)


def unfold(forest: Forest, **extra: Tensor) -> Data:
    """Write one graph of a forest as a PyG graph on which any stock network is exact.

    Nodes are the trees of all depths, edges lead from child to parent with ``edge_weight`` 1. Leaves have no
    in-edges here, so each carries a self-loop of weight in-degree + 1: GCN then normalizes by the degree of the
    node in its real graph. After L layers the nodes of ``root`` hold the embeddings of the real
    nodes, each ``count`` times.

    Args:
        forest: one graph (or several, joined into one).
        extra: further attributes for the ``Data`` object.

    Returns:
        ``Data`` with ``x``, ``edge_index``, ``edge_weight``, optional ``edge_attr``, ``root``
        (boolean per node) and ``count`` (per node, 0 away from roots).
    """
    from torch_geometric.data import Data

    trees = forest.trees
    starts = [0]
    for size in trees.sizes:
        starts.append(starts[-1] + size)
    leaves = torch.arange(trees.sizes[0])
    sources, targets, edges = [leaves], [leaves], []
    for depth, level in enumerate(trees.levels, start=1):
        sources.append(level.child + starts[depth - 1])
        targets.append(level.target + starts[depth])
        edges.append(level.edge)
    num_slots = sum(len(s) for s in sources[1:])
    root = torch.zeros(starts[-1], dtype=torch.bool)
    count = torch.zeros(starts[-1], dtype=torch.long)
    root[forest.tree + starts[-2]] = True
    count.index_add_(0, forest.tree + starts[-2], forest.count)
    attributes = dict(extra)
    if trees.edge_attr is not None:
        rows = torch.cat([e for e in edges if e is not None]) if edges else leaves[:0]
        blank = trees.edge_attr.new_zeros(len(leaves), trees.edge_attr.shape[1])
        attributes["edge_attr"] = torch.cat([blank, trees.edge_attr[rows]])
    return Data(
        x=torch.cat([trees.x[rows] for rows in trees.roots()]),
        edge_index=torch.stack([torch.cat(sources), torch.cat(targets)]),
        edge_weight=torch.cat([trees.degree.float() + 1, torch.ones(num_slots)]),
        root=root,
        count=count,
        **attributes,
    )
