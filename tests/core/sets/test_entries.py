from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.data import Data

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.sets.entries import plain_graph, unfold
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.wl import tree_ids
from tests.core.sets.samples import small_set
from tests.strategies import SMALL, graph_lists


class Stack(nn.Module):
    """GINE or GAT layers with edge features, as anyone would write them."""

    def __init__(self, layers: int, width: int, edge_dim: int):
        super().__init__()

        def mlp() -> nn.Module:
            return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

        self.convs = nn.ModuleList(pyg.GINEConv(mlp(), edge_dim=edge_dim) for _ in range(layers))

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        for conv in self.convs:
            x = conv(x, edge_index, edge_attr).relu()
        return x


Stock = Callable[[int, int, int], nn.Module]
STOCK: dict[str, Stock] = {
    "GCN": lambda width, edge_dim, layers: pyg.GCN(width, 8, layers),
    "GraphSAGE": lambda width, edge_dim, layers: pyg.GraphSAGE(width, 8, layers),
    "GIN": lambda width, edge_dim, layers: pyg.GIN(width, 8, layers),
    "GAT": lambda width, edge_dim, layers: pyg.GAT(width, 8, layers, heads=4),
    "GAT with edges": lambda width, edge_dim, layers: pyg.GAT(width, 8, layers, heads=4, edge_dim=edge_dim),
    "GINE": lambda width, edge_dim, layers: Stack(layers, width, edge_dim),
}


# PyG's GCN and GAT replace the self-loops of a graph; the distilled graph has them as edges between rows.
@pytest.mark.parametrize("name", STOCK)
@settings(deadline=None, max_examples=15)
@given(data=st.data(), depth=st.integers(1, 3))
def test_stock_networks_compute_on_roots_what_they_compute_on_nodes(name: str, data: st.DataObject, depth: int) -> None:
    with_edges = name in ("GINE", "GAT with edges")
    edges = ("integer", "float") if with_edges else ("none",)
    loops = name in ("GraphSAGE", "GIN", "GINE")
    graphs = data.draw(graph_lists(pools=SMALL, edges=edges, loops=loops, max_graphs=3))
    forest = build_forest(Graphs.from_data_list(graphs), depth)
    y = torch.zeros(len(graphs), dtype=torch.long)
    small = SyntheticSet(forest, y, class_weights(y))
    torch.manual_seed(0)
    edge_dim = graphs[0].edge_attr.shape[1] if with_edges else 0
    model = STOCK[name](graphs[0].x.shape[1], edge_dim, depth).double().eval()

    def embed(graph: Data, weighted: bool) -> Tensor:
        more = {"edge_attr": graph.edge_attr.double()} if with_edges else {}
        if weighted and name == "GCN":
            more = {"edge_weight": graph.edge_weight.double()}
        out: Tensor = model(graph.x.double(), graph.edge_index, **more)
        return out

    for i, graph in enumerate(graphs):
        entry = small[i]
        assert isinstance(entry, Data)
        with torch.no_grad():
            node, root = embed(graph, False), embed(entry, True)[entry.root]
        ids = forest.subset(torch.tensor([i])).trees.ids()[-1].tolist()
        row = {tuple(tree): at for at, tree in enumerate(ids)}
        tree = tree_ids(Graphs.from_data_list([graph]), depth, degrees=True).tolist()
        rows = torch.tensor([row[tuple(t)] for t in tree])
        torch.testing.assert_close(root[rows], node, rtol=1e-9, atol=1e-9)
        assert torch.equal(entry.count[entry.root], torch.bincount(rows, minlength=len(ids)))
        assert not entry.count[~entry.root].any()


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_an_entry_is_a_graph_of_its_trees(depth: int) -> None:
    small = small_set(depth)
    entry = small[-1]
    assert isinstance(entry, Data)
    assert torch.equal(entry.x, small[3].x)  # type: ignore[union-attr]
    assert entry.validate()
    assert (entry.y.tolist(), entry.weight.tolist()) == ([1], [0.5])
    assert int(entry.count.sum()) == 3
    alone = small.forest.subset(torch.tensor([3])).trees
    assert entry.num_nodes == sum(alone.sizes)
    assert len(entry.edge_weight) == alone.sizes[0] + sum(len(level.child) for level in alone.levels)


def test_leaves_carry_their_degree_and_blank_edge_features() -> None:
    star = Data(
        x=torch.tensor([[1], [2], [2]]), edge_index=torch.tensor([[1, 2], [0, 0]]), edge_attr=torch.tensor([[7], [7]])
    )
    graph = unfold(build_forest(Graphs.from_data_list([star]), 1), extra=torch.tensor([5]))
    own = graph.edge_index[0] == graph.edge_index[1]
    assert sorted(graph.edge_weight[own].tolist()) == [1.0, 3.0]
    assert graph.edge_weight[~own].tolist() == [1.0, 1.0]
    assert graph.edge_attr.flatten()[own].tolist() == [0, 0]
    assert graph.edge_attr.flatten()[~own].tolist() == [7, 7]
    assert graph.extra.tolist() == [5]


def test_an_entry_of_real_graphs_is_the_graph() -> None:
    index = torch.tensor([[0, 1], [1, 0]])
    pair = Data(x=torch.tensor([[6], [8]]), edge_index=index, edge_attr=torch.tensor([[1], [1]]))
    graph = plain_graph(Graphs.from_data_list([pair, pair]), 1, y=torch.tensor([1]))
    assert torch.equal(graph.x, pair.x)
    assert torch.equal(graph.edge_index, pair.edge_index)
    assert torch.equal(graph.edge_attr, pair.edge_attr)
    assert (graph.root.tolist(), graph.count.tolist(), graph.edge_weight.tolist()) == ([True] * 2, [1, 1], [1.0, 1.0])
    assert graph.y.tolist() == [1]
