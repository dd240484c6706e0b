import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch_geometric.nn import aggr

from graphdistill.mirage.layered.checks import check_depth, check_model
from graphdistill.mirage.layered.loader import lossless
from tests.mirage.layered.samples import Net, graphs


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (pyg.GraphNorm(8), "normalises a node by the other nodes of its graph"),
        (pyg.InstanceNorm(8), "normalises a node by the other nodes of its graph"),
        (pyg.PairNorm(), "normalises a node by the other nodes of its graph"),
        (pyg.DiffGroupNorm(8, 2), "normalises a node by the other nodes of its graph"),
        (pyg.LayerNorm(8), r"its graph; LayerNorm\(mode='node'\) is exact"),
        (pyg.TopKPooling(8), "keeps, merges or restores nodes by comparing them"),
        (pyg.SAGPooling(8), "keeps, merges or restores nodes by comparing them"),
        (pyg.ASAPooling(8), "keeps, merges or restores nodes by comparing them"),
        (pyg.SAGEConv(8, 8, aggr="lstm"), "depends on the order of nodes"),
        (aggr.SortAggregation(2), "depends on the order of nodes"),
        (aggr.MedianAggregation(), "lays out the nodes of a graph side by side"),
        (pyg.GPSConv(8, pyg.GINConv(nn.Linear(8, 8)), heads=1), "lays out the nodes of a graph side by side"),
        (pyg.PointNetConv(nn.Linear(11, 8)), "reads positions of nodes"),
        (pyg.PositionalEncoding(8), "reads positions of nodes"),
        (pyg.GINConv(nn.Linear(8, 8), flow="target_to_source"), "sends messages against the edges"),
        (pyg.GCNConv(8, 8, cached=True), "caches the edges of its first batch"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_cannot_be_exact_is_refused_by_name(module, reason):
    with pytest.raises(ValueError, match=rf"^1.* \({'.*'}\) .*{reason}.*; replace it or train on ordinary batches$"):
        check_model(nn.Sequential(nn.Linear(8, 8), module))


def test_exact_modules_pass():
    check_model(nn.Sequential(pyg.LayerNorm(8, mode="node"), pyg.BatchNorm(8), pyg.GAT(8, 8, 2, v2=True), nn.Dropout()))


def test_a_model_of_another_dtype_or_device_is_refused():
    net = Net(lambda i: pyg.GraphConv(i, 8))
    with pytest.raises(ValueError, match=r"^the model is torch.float32 but x torch.float64; convert one of them$"):
        lossless(graphs(), 2).run(net)
    with pytest.raises(ValueError, match=r"^the model is on meta but the batch on cpu; call batch.to\(device\)$"):
        lossless(graphs(), 2).run(net.double().to("meta"))


def test_a_depth_other_than_the_models_is_refused():
    net = Net(lambda i: pyg.GraphConv(i, 8)).double()
    with pytest.raises(ValueError, match=r"^depth is 3, but the model passes messages 2 times; depth=2 is exact and"):
        lossless(graphs(), 3).run(net)
    with pytest.raises(ValueError, match=r"^depth is 1, but the model passes messages 2 times or more; .* at least 2$"):
        lossless(graphs(), 1).run(net)
    check_depth(2, 2)


def test_weights_of_edges_are_refused_where_leaves_would_need_them():
    class Weighted(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = pyg.GCNConv(3, 2)

        def forward(self, data):
            return self.conv(data.x, data.edge_index, data.edge_attr[:, 0])

    with pytest.raises(ValueError, match=r"^conv \(GCNConv\) normalises edge weights by sums over neighbours of"):
        lossless(graphs(), 1).run(Weighted().double())


def test_features_on_another_device_than_parameters_do_not_matter_without_parameters():
    class Sums(nn.Module):
        def forward(self, data):
            return pyg.global_add_pool(pyg.SimpleConv()(data.x, data.edge_index), data.batch)

    model = Sums()
    model.conv = pyg.SimpleConv()
    model.forward = lambda data: pyg.global_add_pool(model.conv(data.x, data.edge_index), data.batch)
    assert lossless(graphs(), 1).run(model).shape == (20, 3)
    assert torch.is_tensor(lossless(graphs(), 1).y)
