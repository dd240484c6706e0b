import pytest
import torch
from torch import nn
from torch_geometric.nn import GCN, MLP

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.kd.inputs import Inputs
from graphdistill.kd.outputs import PENULTIMATE, Outputs, outputs_of


def test_layers_are_recorded_by_path_and_hooks_removed():
    net, x = ConvNet((1, 8, 8), 3), torch.rand(2, 1, 8, 8)
    found = outputs_of(net, Inputs("x", {"x": x}), ["blocks.0", "blocks.0:input"])
    assert torch.equal(found.features["blocks.0"], net.blocks[0](x))
    assert found.features["blocks.0:input"] is x
    assert torch.equal(found.logits, net(x))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


@pytest.mark.parametrize("kind", [GCN, MLP])
def test_penultimate_is_what_goes_into_the_last_linear_layer(kind):
    net = (GCN(4, 8, 2, 3) if kind is GCN else MLP([4, 8, 3], norm=None)).eval()
    inputs = Inputs("x", {"x": torch.rand(5, 4), "edge_index": torch.tensor([[0, 1], [1, 0]])})
    assert outputs_of(net, inputs, [PENULTIMATE]).features[PENULTIMATE].shape == (5, 8)


def test_rows_are_taken_together():
    outputs = Outputs(torch.eye(3), {"h": torch.arange(3)})
    taken = outputs.take(torch.tensor([2, 0]))
    assert taken.logits.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert taken.features["h"].tolist() == [2, 0]
    assert not Outputs(torch.ones(1, requires_grad=True)).detach().logits.requires_grad


def test_a_layer_that_is_absent_not_called_or_no_tensor_is_named():
    class Branch(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks, self.unused = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.blocks(x)

    inputs = Inputs("x", {"x": torch.ones(1, 2)})
    with pytest.raises(ValueError, match="Branch has no layer 'block'; choose for example blocks"):
        outputs_of(Branch(), inputs, ["block"])
    with pytest.raises(ValueError, match="layer 'unused' of Branch is not called; name another layer"):
        outputs_of(Branch(), inputs, ["unused"])
    with pytest.raises(ValueError, match="Identity has no linear layer; name the layer whose features are matched"):
        outputs_of(nn.Identity(), inputs, [PENULTIMATE])
