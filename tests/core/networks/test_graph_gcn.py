from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GCNConv, global_mean_pool

from graphdistill.core.data.feature_encoding import CategoricalEncoding
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.networks.graph_gcn import GraphBatch, GraphGCN, batch_of, dense_batch

DRAW = torch.Generator().manual_seed(0)
COLUMNS = CategoricalEncoding((3, 2))
PATH = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
PAIR = torch.tensor([[0, 1], [1, 0]])
DATA = [
    Data(x=torch.tensor([[2, 0], [1, 1], [0, 0]]), edge_index=PATH),
    Data(x=torch.tensor([[0, 1], [1, 0]]), edge_index=PAIR),
    Data(x=torch.tensor([[1, 1]]), edge_index=torch.empty(2, 0).long()),
]


def sparse() -> GraphBatch:
    return batch_of(Graphs.from_data_list(DATA), COLUMNS)


def dense(adjacency: torch.Tensor | None = None) -> GraphBatch:
    x, edges = torch.full((3, 3, 5), torch.nan), torch.zeros(3, 3, 3)
    for row, graph in enumerate(DATA):
        x[row, : len(graph.x)] = COLUMNS.encode(graph.x)
        edges[row, graph.edge_index[0], graph.edge_index[1]] = 1
    return dense_batch(x, edges if adjacency is None else adjacency, torch.tensor([3, 2, 1]))


def network() -> GraphGCN:
    torch.manual_seed(0)
    net = GraphGCN(5, 2, width=4)
    for layer in (*net.layers, net.head):
        torch.nn.init.normal_(layer.bias)  # type: ignore[arg-type]
    return net


def test_stock_layers_say_the_same() -> None:
    net, batch = network(), Batch.from_data_list(DATA)
    h = COLUMNS.encode(batch.x)
    for layer in net.layers:
        conv = GCNConv(layer.in_features, 4)  # type: ignore[arg-type]
        conv.lin.weight, conv.bias = layer.weight, layer.bias
        h = conv(h, batch.edge_index).relu()
    torch.testing.assert_close(net(sparse()), net.head(global_mean_pool(h, batch.batch)))


def test_dense_graphs_say_what_sparse_ones_do_and_padding_is_never_read() -> None:
    net = network()
    torch.testing.assert_close(net(dense()), net(sparse()))
    for here, there in zip(net.features(dense()), net.features(sparse()), strict=True):
        torch.testing.assert_close(here, there)


def test_edges_have_gradients_of_gradients() -> None:
    net = network().double()
    upper = torch.rand(3, 3, 3, generator=DRAW, dtype=torch.double).triu(1)
    mask = torch.zeros(3, 3, 3, dtype=torch.double)
    mask[0], mask[1, :2, :2] = 1, 1

    def gradient(theta: torch.Tensor) -> torch.Tensor:
        adjacency = (theta * mask).triu(1)
        batch = dense(adjacency + adjacency.mT)
        batch = GraphBatch(batch.x.double(), batch.adjacency, batch.sizes)
        weights = [net.head.weight, *(layer.weight for layer in net.layers)]
        parts = torch.autograd.grad(net(batch).square().sum(), weights, create_graph=True)
        return torch.cat([part.flatten() for part in parts]).square().sum()

    assert torch.autograd.gradcheck(gradient, upper.requires_grad_())


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="depth must be 1 or more, got 0"):
        GraphGCN(5, 2, depth=0)
