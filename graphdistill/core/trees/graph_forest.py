"""A forest that keeps the graphs that it was built from: these are what a set stores."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import to_device
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest


@dataclass(frozen=True)
class GraphForest(Forest):
    """A lossless forest with its graphs.

    Attributes:
        graphs: the graphs.

    Example:
        >>> from torch_geometric.data import Data
        >>> pair = Data(x=torch.tensor([[6], [8]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> forest = graph_forest(Graphs.from_data_list([pair, pair]), depth=3)
        >>> forest.subset(torch.tensor([1])).graphs.x.tolist()
        [[6], [8]]
    """

    graphs: Graphs

    def subset(self, index: Tensor, *, shrink: bool = True) -> GraphForest:
        """The graphs at ``index``; with ``shrink`` the dictionary keeps only their trees."""
        return _with(super().subset(index, shrink=shrink), self.graphs.subset(index))

    def counts(self) -> Forest:
        """The forest without the graphs."""
        return Forest(self.trees, self.ptr, self.tree, self.count)

    def to(self, device: torch.device | str) -> Forest:
        """The counts on a device."""
        return to_device(self.counts(), device)


def graph_forest(graphs: Graphs, depth: int) -> GraphForest:
    """Build a lossless forest that keeps its graphs.

    Args:
        graphs: the graphs.
        depth: depth of the trees.
    """
    return _with(build_forest(graphs, depth), graphs)


def _with(forest: Forest, graphs: Graphs) -> GraphForest:
    return GraphForest(forest.trees, forest.ptr, forest.tree, forest.count, graphs)
