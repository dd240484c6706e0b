from __future__ import annotations

import torch
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.graph_forest import GraphForest, graph_forest

PATH = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
GRAPHS = Graphs.from_data_list([Data(x=torch.tensor([[a], [6], [a]]), edge_index=PATH) for a in (6, 7, 8, 7)])


def test_it_is_the_forest_of_its_graphs() -> None:
    forest, plain = graph_forest(GRAPHS, 2), build_forest(GRAPHS, 2)
    assert torch.equal(forest.tree, plain.tree)
    assert forest.trees.sizes == plain.trees.sizes
    assert type(forest.counts()) is type(plain)


def test_graphs_go_with_their_counts() -> None:
    index = torch.tensor([3, 0])
    part = graph_forest(GRAPHS, 2).subset(index)
    assert isinstance(part, GraphForest)
    assert part.graphs.x[:, 0].tolist() == [7, 6, 7, 6, 6, 6]
    alone = build_forest(GRAPHS.subset(index), 2)
    assert torch.equal(part.trees.ids()[-1][part.tree], alone.trees.ids()[-1][alone.tree])


def test_a_device_gets_the_counts_alone() -> None:
    moved = graph_forest(GRAPHS, 1).to("meta")
    assert not isinstance(moved, GraphForest)
    assert moved.count.device.type == "meta"
