import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphdistill.core.training.adversarial import GradientAscent
from graphdistill.core.training.fit import FitConfig, fit, fit_together

X = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
Y = torch.tensor([0, 1, 0, 1, 1, 0])


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2))


def test_the_worst_images_of_a_linear_model_are_where_the_sign_of_its_weights_says():
    net, attack = linear(), GradientAscent(epsilon=0.05, steps=4, rate=0.5)
    worst = attack(net, X, Y)
    direction = (net[1].weight[1 - Y] - net[1].weight[Y]).sign().view_as(X)
    torch.testing.assert_close(worst, (X + 0.05 * direction).clamp(0, 1))
    with torch.no_grad():
        assert float(F.cross_entropy(net(worst), Y)) > float(F.cross_entropy(net(X), Y))
    assert all(p.grad is None for p in net.parameters())
    assert not worst.requires_grad


def test_a_training_takes_the_attacked_images_and_another_network_its_own():
    config = FitConfig(steps=3, batch_size=6, eval_every=1)
    given = dict(valid=(X, Y), metric="accuracy", task="multiclass", config=config)
    seen = []

    def attack(network, x, y):
        seen.append((network, y))
        return torch.zeros_like(x)

    nets = [linear(0), linear(1)]
    fit_together(nets, X, Y, attack=attack, **given)
    assert [place for place, _ in seen] == nets * 3
    blind = linear(0)
    fit(blind, torch.zeros_like(X), Y, **given)
    torch.testing.assert_close(blind[1].bias, nets[0][1].bias)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be 1 or more, got 0"),
        ({"epsilon": 0.0}, "epsilon must be above 0, got 0.0"),
        ({"rate": float("nan")}, "rate must be above 0, got nan"),
    ],
)
def test_strengths_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        GradientAscent(**options)
