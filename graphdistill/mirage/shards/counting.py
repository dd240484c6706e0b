"""Trees of a shard: how often each occurs in each molecule, and in how many training molecules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.wl import group, refined_ids
from graphdistill.mirage.shards.featurise import graphs_part
from graphdistill.mirage.shards.packing import narrow, unpack_graphs
from graphdistill.mirage.shards.parts import Arrays
from graphdistill.mirage.shards.work import Work


@dataclass(frozen=True)
class Counts:
    """Counts of the trees of one depth.

    Attributes:
        ids: content ids of the distinct trees, ascending, ``[n, 2]``.
        graph: graph of each pair of a graph and a tree in it, ascending, ``[P]``.
        tree: the tree, ``[P]``.
        count: how many nodes have it, ``[P]``.
    """

    ids: np.ndarray[Any, Any]
    graph: np.ndarray[Any, Any]
    tree: np.ndarray[Any, Any]
    count: np.ndarray[Any, Any]


def count_trees(graphs: Graphs, depth: int) -> Iterator[Counts]:
    """Counts of the trees of depths 0 to ``depth``, as a lossless forest has them, in-degrees in labels included.

    Args:
        graphs: the graphs.
        depth: depth of the deepest trees.

    Example:
        >>> ptr = torch.tensor([0, 2])
        >>> graphs = Graphs(torch.tensor([[6], [6]]), torch.tensor([[0, 1], [1, 0]]), None, ptr, ptr)
        >>> [counts.count.tolist() for counts in count_trees(graphs, 1)]
        [[2], [2]]
    """
    owner = graphs.graph_of_node
    for ids in refined_ids(graphs, depth, degrees=True):
        distinct, tree, _ = group(ids)
        pair, count = torch.unique(owner * max(len(distinct), 1) + tree, return_counts=True)
        yield Counts(
            distinct.numpy(),
            (pair // max(len(distinct), 1)).numpy(),
            (pair % max(len(distinct), 1)).numpy(),
            count.numpy(),
        )


def supports_part(work: Work, shard: int) -> Arrays:
    """Ids of the trees of each depth in a shard's training molecules, and how many of these each occurs in."""
    return work.parts(f"trees-{work.depth}", compress=False).get(shard, lambda: _make(work, shard))


def _make(work: Work, shard: int) -> Arrays:
    arrays = graphs_part(work, shard)
    train = arrays["split"] == 0
    out: Arrays = {}
    for depth, counts in enumerate(count_trees(unpack_graphs(arrays), work.depth)):
        support = np.bincount(counts.tree[train[counts.graph]], minlength=len(counts.ids))
        out[f"ids{depth}"] = counts.ids[support > 0]
        out[f"support{depth}"] = narrow(support[support > 0])
    return out
