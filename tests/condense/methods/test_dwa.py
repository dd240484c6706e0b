from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from graphdistill.condense.methods import dwa, sre2l
from graphdistill.core.networks.convnet import ConvNet
from tests.condense.matching.test_symmetry import context_on
from tests.condense.methods.test_sre2l import teacher
from tests.condense.samples import bars, real

FEW = real().x[:3], real().y[:3]


def ascend_naive(net: ConvNet, steps: int, rho: float) -> ConvNet:
    """By an optimiser, a step of -rho / K over the length of the gradient."""
    net = copy.deepcopy(net).requires_grad_()
    for _ in range(steps):
        net.zero_grad()
        F.cross_entropy(net(FEW[0]), FEW[1]).backward()
        length = sum(float((p.grad**2).sum()) for p in net.parameters() if p.grad is not None) ** 0.5
        torch.optim.SGD(net.parameters(), lr=rho / steps / length, maximize=True).step()
    return net


def test_weights_go_uphill_as_an_optimiser_takes_them() -> None:
    ours, wanted = dwa.ascend(teacher(), *FEW, steps=4, rho=0.5), ascend_naive(teacher(), 4, 0.5)
    for a, b in zip(ours.parameters(), wanted.parameters(), strict=True):
        torch.testing.assert_close(a, b.detach(), rtol=1e-4, atol=1e-6)
    before, after = (float(F.cross_entropy(net(FEW[0]), FEW[1])) for net in (teacher(), ours))
    assert after > before


def test_the_way_is_no_longer_than_rho_and_statistics_stay() -> None:
    moved = dwa.ascend(teacher(), *FEW, steps=5, rho=0.1)
    way = [a - b for a, b in zip(moved.parameters(), teacher().parameters(), strict=True)]
    length = float(torch.cat([part.flatten() for part in way]).norm())
    assert 0.05 < length <= 0.1 + 1e-6
    assert all(torch.equal(a, b) for a, b in zip(moved.buffers(), teacher().buffers(), strict=True))
    assert not any(p.requires_grad for p in moved.parameters())


def test_no_way_is_the_same_teacher() -> None:
    same = dwa.ascend(teacher(), *FEW, steps=3, rho=0.0)
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), teacher().parameters(), strict=True))


def test_every_round_has_a_teacher_of_its_own_and_begins_as_real_images() -> None:
    here = context_on(bars())
    recipe = dwa.recipe(here, dwa.Config())
    assert isinstance(recipe.objective, sre2l.Recover)
    assert isinstance(recipe.start, sre2l.Relabelled)
    one, other = recipe.objective.teachers
    assert not torch.equal(one.head.weight, other.head.weight)
    assert recipe.objective.variance == pytest.approx(11)
    for image, label in zip(recipe.start.x.detach(), recipe.start.y.tolist(), strict=True):
        assert (real().x[real().members[label]] == image).flatten(1).all(dim=1).any()
    plain = sre2l.squeeze(here)
    assert torch.equal(recipe.start.teacher.state_dict()["head.weight"], plain.head.weight)
