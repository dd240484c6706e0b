"""Graphs as vectors: principal components of the counts of their computation trees."""

from __future__ import annotations

import torch
from sklearn.decomposition import TruncatedSVD

from graphdistill.core.data.datasets import GraphDataset, TableDataset
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.tree_counts import TreeCountRegression

SIZE = 32
"""Numbers of a vector."""
DEPTH = 2
"""Depth of the deepest trees that are counted."""


def graph_latents(data: GraphDataset, size: int = SIZE) -> TableDataset:
    r"""Vectors of graphs: the first right singular vectors of :math:`\log(1 + n_t(G))` of the training graphs.

    :math:`n_t(G)` counts the trees t of depths 0 to 2 in a graph, as in the Weisfeiler-Lehman subtree kernel; trees of
    fewer than 5 training graphs are left out.

    Args:
        data: graphs with a class each.
        size: numbers of a vector, fewer where there are fewer trees or graphs. (default: 32)

    Returns:
        A table with a row for each graph, and its splits.

    Raises:
        ValueError: the training graphs have too few trees in common.
    """
    forest = build_forest(data.graphs, DEPTH)
    model = TreeCountRegression(DEPTH).fit(forest.subset(data.train), data.y[data.train], "rocauc")
    counts = model.features(forest)
    train = counts[data.train.numpy()]
    size = min(size, min(train.shape) - 1)
    if size < 1:
        raise ValueError(f"training graphs of {data.name} have too few trees in common; give more graphs")
    reduced = TruncatedSVD(size, random_state=0).fit(train).transform(counts)
    return TableDataset(
        data.name,
        torch.from_numpy(reduced).float(),
        data.y,
        data.train,
        data.valid,
        data.test,
        columns=tuple(f"component {number}" for number in range(size)),
        notes=data.notes,
    )
