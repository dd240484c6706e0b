"""Names of devices, and tensors that networks make on the device of their inputs."""

import copy
from typing import get_args

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from graphdistill.core.data.feature_encoding import CategoricalEncoding
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.data.tensors import to_device
from graphdistill.core.device import device_of, resolve_device, synchronize
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.graph_gcn import GraphGCN, batch_of, dense_batch
from graphdistill.core.networks.node_gcn import NodeGCN, Nodes, Propagation, normalize_adjacency
from graphdistill.core.networks.tree_gnn import GNN, Network
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import Augment
from graphdistill.core.trees.build import build_forest
from tests.second_device import second_device


def test_auto_is_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == torch.device("cuda")
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    assert resolve_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match="this machine has 2 GPUs, counted from 0; give one of them"):
        resolve_device("cuda:2")


def test_without_a_gpu_cuda_is_refused_and_auto_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match=r"--device cuda: torch .* finds no GPU here; give cpu or auto"):
        resolve_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "", "cpu:0", "cuda:x", "auto:1"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match=r"is unknown; choose from cpu, cuda, auto"):
        resolve_device(name)


def test_a_network_has_the_device_of_its_parameters():
    assert device_of(nn.Linear(2, 1)) == torch.device("cpu")
    assert device_of(nn.Sequential(nn.ReLU(), nn.Linear(2, 1, device="meta"))) == torch.device("meta")
    assert device_of(nn.Dropout()) == torch.device("cpu")


def test_only_a_gpu_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    synchronize(torch.device("cpu"))
    synchronize(torch.device("cuda", 1))
    assert waited == [torch.device("cuda", 1)]


def rings():
    half = torch.stack([torch.arange(5), torch.arange(5).roll(1)])
    both = torch.cat([half, half.flip(0)], dim=1)
    kinds = torch.arange(10)[:, None] % 3
    return Graphs.from_data_list([Data(x=torch.arange(5)[:, None] % 3, edge_index=both, edge_attr=kinds)] * 2)


def on_a_second_device(net, compute):
    """Check that a network computes the same there as here; ``compute`` gets it and its device."""
    here = compute(copy.deepcopy(net), "cpu")
    with second_device() as device:
        there = compute(net.to(device), device).cpu()
    assert torch.equal(here, there)


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("name", get_args(Network))
def test_tree_networks(name, norm):
    graphs = rings()
    forest = build_forest(graphs, 2)

    def compute(net, device):
        with scoped(0, "dropout"):
            net(forest.to(device).subset(torch.tensor([1, 0]))).sum().backward()
        gradients = [p.grad.flatten() for p in net.parameters() if p.grad is not None]
        return torch.cat([*gradients, net.eval()(forest.to(device)).flatten()])

    on_a_second_device(GNN(name, graphs, "categorical", 2, norm=norm, dropout=0.2), compute)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("edges", ["sparse", "dense", "none"])
def test_node_networks(edges, sparse):
    index, x = torch.tensor([[0, 1, 2], [1, 2, 0]]), torch.eye(3, 9)

    def compute(net, device):
        there, where = x.to(device), index.to(device)
        dense = normalize_adjacency(there @ there.T)
        adjacency = {"sparse": Propagation(where, 3), "dense": dense, "none": None}[edges]
        nodes = Nodes(SparseFeatures(there) if sparse else there, adjacency, torch.tensor([2, 0]).to(device))
        return net(nodes.subset(torch.tensor([1]).to(device)))

    on_a_second_device(NodeGCN(9, 2, depth=3), compute)


@pytest.mark.parametrize("dense", [False, True])
def test_graph_networks(dense):
    graphs, columns = rings(), CategoricalEncoding((3,))

    def compute(net, device):
        there = to_device(graphs, device)
        if not dense:
            return net(batch_of(there, columns))
        x = columns.discretize(columns.init_from(there.x)).view(2, 5, 3)
        return net(dense_batch(x, x @ x.mT, torch.tensor([5, 3]).to(device)))

    on_a_second_device(GraphGCN(3, 2), compute)


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("name", Augment().names)
def test_image_networks_and_augmentations(name, norm):
    x = torch.rand(3, 1, 8, 8)

    def compute(net, device):
        return net(Augment((name,)).each(x.to(device), torch.Generator().manual_seed(0)))

    on_a_second_device(ConvNet((1, 8, 8), 2, width=4, norm=norm), compute)
