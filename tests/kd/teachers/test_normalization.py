import copy

import torch
from torch import nn
from torch_geometric.nn import GIN

from graphdistill.kd.teachers.normalization import batch_norms, batch_statistics


def test_statistics_are_those_of_the_batch_and_nothing_else_changes():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.9), nn.LayerNorm(4)).eval()
    before, x = copy.deepcopy(net.state_dict()), 5 * torch.rand(6, 3)
    h = net[0](x)
    wanted = net[3]((h - h.mean(0)) / (h.var(0, correction=0) + net[1].eps).sqrt())
    with batch_statistics(net):
        torch.testing.assert_close(net(x), wanted)
    assert not torch.allclose(net(x), wanted)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert not any(part.training for part in net.modules())


def test_layers_of_pyg_are_found():
    assert len(batch_norms(GIN(3, 4, 2, norm="batch_norm"))) > 0
    assert batch_norms(nn.Linear(1, 1)) == []
