from __future__ import annotations

import pytest

from graphdistill.condense.matching.objective import Step
from graphdistill.condense.methods import gcdm
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import NO_AUGMENT
from tests.condense.samples import context_of, seeded
from tests.reference import class_distance_naive


def step() -> Step:
    context = context_of(2, kind="nodes")
    with scoped(0, "weights"):
        net = context.real.network()
    return Step(context.real.init_random(2, seeded()), context.real, net, NO_AUGMENT, seeded())


def test_the_loss_is_the_distance_of_class_means_of_all_nodes_in_their_graph() -> None:
    here, context = step(), context_of(2, kind="nodes")
    loss = gcdm.recipe(context, gcdm.Config()).objective.accumulate(here)
    inputs, y = context.protocol.split("train")
    theirs, ours = here.net.embed(inputs).detach(), here.net.embed(here.synthetic.inputs()).detach()
    assert loss == pytest.approx(class_distance_naive(theirs, y, ours, here.synthetic.y), rel=1e-4)


def test_it_goes_downhill() -> None:
    here, objective = step(), gcdm.recipe(context_of(2, kind="nodes"), gcdm.Config()).objective
    before = objective.accumulate(here)
    assert here.synthetic.x.grad is not None
    here.synthetic.x.data -= 0.01 * here.synthetic.x.grad.sign()
    assert objective.accumulate(here) < before
