from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from graphdistill.condense.matching.objective import Step
from graphdistill.condense.methods import gcondx
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import NO_AUGMENT
from tests.condense.samples import context_of, seeded
from tests.reference import row_distance_naive


def step(number: int = 0, learnt=None) -> Step:  # type: ignore[no-untyped-def]
    context = context_of(2, kind="nodes")
    with scoped(0, "weights"):
        net = context.real.network()
    synthetic = learnt or context.real.init_random(2, seeded())
    return Step(synthetic, context.real, net, NO_AUGMENT, seeded(), step=number)


def test_the_loss_class_by_class_number_by_number() -> None:
    here, wanted = step(), 0.0
    real, synthetic = here.real, here.synthetic
    loss = gcondx.NodeGradientMatch().accumulate(here)
    for label, members in enumerate(real.members):
        index = (synthetic.y == label).nonzero().view(-1)
        sides = []
        for inputs, y in ((real.inputs(members), real.y[members]), (synthetic.inputs(index), synthetic.y[index])):
            here.net.zero_grad()
            F.cross_entropy(here.net(inputs), y).backward()
            sides.append([p.grad.clone() for p in here.net.parameters()])
        wanted += len(members) / int(real.counts.max()) * row_distance_naive(sides[0], sides[1])
    assert loss == pytest.approx(wanted, rel=1e-4)


def test_rare_classes_weigh_less() -> None:
    here = step()
    real = here.real
    whole = gcondx.NodeGradientMatch().accumulate(here)
    real.counts = real.counts.clone()
    real.counts[0] *= 2
    # Every other class now has half of the largest; members stay, so each share is halved.
    assert gcondx.NodeGradientMatch().accumulate(here) == pytest.approx(whole / 2, rel=1e-5)


def test_the_gradient_reaches_every_node() -> None:
    here = step()
    gcondx.NodeGradientMatch().accumulate(here)
    assert here.synthetic.x.grad is not None
    assert bool((here.synthetic.x.grad.norm(dim=1) > 0).all())
    assert torch.isfinite(here.synthetic.x.grad).all()
