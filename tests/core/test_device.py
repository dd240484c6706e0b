"""Names of devices, and tensors that networks make on the device of their inputs."""

from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.data import Data

from graphdistill.core.data.feature_encoding import CategoricalEncoding
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.device import device_of, resolve_device, synchronize
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.graph_gcn import GraphGCN, batch_of, dense_batch
from graphdistill.core.networks.node_gcn import NodeGCN, Nodes, Propagation, normalize_adjacency
from graphdistill.core.networks.tree_gnn import GNN, Network
from graphdistill.core.training.augment import Augment
from graphdistill.core.trees.build import build_forest
from tests.devices import Elsewhere, simulated_device


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


def test_tensors_made_elsewhere_are_found():
    x = torch.ones(3)
    with Elsewhere(), pytest.raises(RuntimeError, match="device"):
        x + torch.arange(3)
    with Elsewhere():
        assert (x + torch.arange(3, device=x.device)).tolist() == [1, 2, 3]


def test_the_simulated_device_refuses_tensors_of_the_cpu_and_computes_the_same():
    with simulated_device() as device:
        x, y = torch.arange(3.0), torch.ones(3, device=device)
        with pytest.raises(RuntimeError, match=r"all tensors on one device, got \['cpu', 'meta'\]"):
            x + y
        with pytest.raises(RuntimeError, match="all tensors on one device"):
            F.linear(x.to(device)[None], torch.ones(2, 3))
        net = nn.Linear(3, 2).to(device)
        assert {p.device for p in net.parameters()} == {torch.device(device)}
        net(x.to(device)).sum().backward()
        assert net.weight.grad.cpu().tolist() == [[0, 1, 2], [0, 1, 2]]
        assert (x.to(device) + y + torch.tensor(1.0)).cpu().tolist() == [2, 3, 4]
        assert y[torch.tensor([0])].device == torch.device(device)
        view = y[1:]
        view += 1
        assert y.tolist() == [1, 2, 2]
        assert net.cpu().weight.device == torch.device("cpu")


def rings():
    half = torch.stack([torch.arange(5), torch.arange(5).roll(1)])
    both = torch.cat([half, half.flip(0)], dim=1)
    kinds = torch.arange(10)[:, None] % 3
    return Graphs.from_data_list([Data(x=torch.arange(5)[:, None] % 3, edge_index=both, edge_attr=kinds)] * 2)


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("name", get_args(Network))
def test_tree_networks_make_no_tensor_elsewhere(name, norm):
    graphs = rings()
    net, forest = GNN(name, graphs, "categorical", 2, norm=norm, dropout=0.2), build_forest(graphs, 2)
    with Elsewhere():
        net(forest.subset(torch.tensor([1, 0], device="cpu"))).sum().backward()
        assert net.eval()(forest).shape == (2, 2)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("edges", ["sparse", "dense", "none"])
def test_node_networks_make_no_tensor_elsewhere(edges, sparse):
    index, x = torch.tensor([[0, 1, 2], [1, 2, 0]]), torch.eye(3, 9)
    with Elsewhere():
        adjacency = {
            "sparse": lambda: Propagation(index, 3),
            "dense": lambda: normalize_adjacency(torch.zeros(3, 3, device="cpu")),
            "none": lambda: None,
        }[edges]()
        nodes = Nodes(SparseFeatures(x) if sparse else x, adjacency, torch.tensor([2, 0], device="cpu"))
    net = NodeGCN(9, 2, dropout=0.2, depth=3)
    with Elsewhere():
        net(nodes).sum().backward()
        assert net.eval()(nodes.subset(torch.tensor([1], device="cpu"))).shape == (1, 2)


def test_graph_networks_make_no_tensor_elsewhere():
    graphs, net = rings(), GraphGCN(3, 2)
    with Elsewhere():
        columns = CategoricalEncoding((3,))
        net(batch_of(graphs, columns)).sum().backward()
        x = columns.discretize(columns.init_from(graphs.x)).view(2, 5, 3)
        dense = dense_batch(x, x @ x.mT, torch.tensor([5, 3], device="cpu"))
        assert net(dense).shape == (2, 2)


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("name", Augment().names)
def test_images_and_their_augmentations_make_no_tensor_elsewhere(name, norm):
    net, x, draws = ConvNet((1, 8, 8), 2, width=4, norm=norm), torch.rand(3, 1, 8, 8), torch.Generator()
    with Elsewhere():
        assert net(Augment((name,)).each(x, draws)).shape == (3, 2)
