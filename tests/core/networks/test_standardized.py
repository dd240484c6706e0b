from __future__ import annotations

import torch
from torch import nn

from graphdistill.core.networks.standardized import StandardizedOutput
from graphdistill.core.training.fit import FitConfig, fit

DRAW = torch.Generator().manual_seed(0)
Y = torch.randn(64, 2, generator=DRAW) * torch.tensor([1e-3, 500.0]) + torch.tensor([7.0, -2e4])


def test_outputs_have_mean_and_deviation_of_the_targets_and_travel_with_the_weights() -> None:
    net = StandardizedOutput(nn.Identity(), Y)
    standard = (Y - Y.mean(dim=0)) / Y.std(dim=0, correction=0)
    torch.testing.assert_close(net(standard), Y)
    other = StandardizedOutput(nn.Identity(), torch.rand(5, 2))
    other.load_state_dict(net.state_dict())
    torch.testing.assert_close(other(standard), Y)
    other.standardize(Y[:9])
    torch.testing.assert_close(other(torch.zeros(1, 2))[0], Y[:9].mean(dim=0))


def test_training_does_not_depend_on_the_unit_of_the_targets() -> None:
    x = torch.randn(64, 3, generator=DRAW)
    found = []
    for scale, shift in ((1.0, 0.0), (1024.0, 4096.0)):
        y = torch.tanh(x[:, :2]) * scale + shift
        torch.manual_seed(0)
        net = StandardizedOutput(nn.Linear(3, 2), y)
        config = FitConfig(steps=40, eval_every=10, lr=0.05)
        best = fit(net, x, y, valid=(x, y), metric="rmse", task="regression", config=config)
        found.append(best.valid / scale)
    torch.testing.assert_close(*map(torch.tensor, found), rtol=1e-3, atol=0)
    assert found[0] < 0.3
