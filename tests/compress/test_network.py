import torch
from torch import nn
from torch_geometric.nn import GCN

from graphdistill.compress.levels import Quantizer, even_levels
from graphdistill.compress.network import CodedNetwork, weights_of
from graphdistill.compress.sparse import Masker, largest_of_four
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.inputs import Inputs, call
from tests.kd.samples import nodes


def quantized(network):
    return CodedNetwork(network, {name: Quantizer(even_levels(4), 32) for name in weights_of(network)})


def test_it_computes_with_quantised_weights_and_keeps_the_float_ones():
    torch.manual_seed(0)
    view, network = NodeView(nodes()), GCN(10, 8, 2, 10)
    student, before = quantized(network), {name: value.clone() for name, value in network.state_dict().items()}
    found = view.predict(student, view.data.train).logits
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())
    finished = student.finished()
    assert finished.network is network
    assert set(finished.parts) == {"convs.0.lin.weight", "convs.1.lin.weight"}
    assert torch.equal(view.predict(network, view.data.train).logits, found)
    assert all(value.unique().numel() <= 4 * 3 for name, value in network.state_dict().items() if "weight" in name)


def test_weights_that_two_modules_share_and_vectors_stay():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2).double())
    assert list(weights_of(network)) == ["0.weight", "1.weight"]
    network[1].weight = network[0].weight
    assert list(weights_of(network)) == []


def test_its_state_can_be_kept_and_loaded():
    student = quantized(nn.Linear(5, 4))
    state = {name: value + 1 for name, value in student.state_dict().items()}
    student.load_state_dict(state)
    assert torch.equal(student.network.weight, state["members.0.members.0.weight"])


def test_weights_can_be_quantised_or_sparse():
    torch.manual_seed(0)
    network, x = nn.Linear(8, 3), torch.rand(2, 8)
    masker = Masker(network.weight, largest_of_four(network.weight.abs()), 4)
    student = CodedNetwork(network, {"weight": masker})
    expected = torch.nn.functional.linear(x, network.weight * masker.mask, network.bias)
    assert torch.equal(call(student, Inputs("x", {"x": x})), expected)
    finished = student.finished()
    assert torch.equal(finished.network(x), expected)
    assert bool((finished.network.weight == 0).view(-1, 4).sum(dim=1).eq(2).all())
