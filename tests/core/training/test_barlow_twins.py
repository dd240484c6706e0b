from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from graphdistill.core.training.barlow_twins import redundancy, train_without_labels


def test_the_loss_is_that_of_correlations() -> None:
    draw = torch.Generator().manual_seed(0)
    one, other = torch.randn(20, 4, generator=draw).double(), torch.randn(20, 4, generator=draw).double()
    correlation = np.corrcoef(one.T, other.T)[:4, 4:]
    wanted = sum(
        (1 - correlation[i, j]) ** 2 if i == j else 0.1 * correlation[i, j] ** 2 for i in range(4) for j in range(4)
    )
    assert redundancy(one, other, 0.1).item() == pytest.approx(wanted)


def test_outputs_that_do_not_vary_have_a_finite_loss() -> None:
    z = torch.ones(5, 3, requires_grad=True)
    loss = redundancy(z, z)
    loss.backward()
    assert loss.item() == pytest.approx(3)
    assert z.grad is not None
    assert bool(z.grad.isfinite().all())


def test_training_lowers_the_loss_and_depends_on_the_seed_alone() -> None:
    x = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with scoped(0, "weights"):
        first = ConvNet((1, 8, 8), 4, width=4)
    nets: list[nn.Module] = [copy.deepcopy(first) for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        train_without_labels(net, x, Augment(), seed=seed, steps=30, batch=40)
    with torch.no_grad():
        one, same, other = (net(x) for net in nets)
        draws = torch.Generator().manual_seed(9)
        views = [Augment().each(x, draws) for _ in range(10)]
        before, after = (
            sum(redundancy(net(a), net(b)) for a, b in zip(views[:5], views[5:], strict=True))
            for net in (first, nets[0])
        )
    assert after < before
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_batch_may_be_larger_than_the_data() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    train_without_labels(net, torch.rand(6, 1, 8, 8), NO_AUGMENT, seed=0, steps=2, batch=50)
    assert all(bool(value.isfinite().all()) for value in net.parameters())
