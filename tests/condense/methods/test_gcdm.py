from __future__ import annotations

import pytest

from graphdistill.condense.matching.objective import Step
from graphdistill.condense.methods import gcdm
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import NO_AUGMENT
from tests.condense.samples import seeded, setting
from tests.reference import class_distance_naive


def step() -> Step:
    asked = setting(2, kind="nodes")
    with scoped(0, "weights"):
        net = asked.real.network()
    return Step(asked.real.begin(2, seeded()), asked.real, net, NO_AUGMENT, seeded())


def test_the_loss_is_the_distance_of_class_means_of_all_nodes_in_their_graph() -> None:
    here, asked = step(), setting(2, kind="nodes")
    loss = gcdm.recipe(asked, gcdm.Config()).objective.accumulate(here)
    inputs, y = asked.protocol.split("train")
    theirs, ours = here.net.embed(inputs).detach(), here.net.embed(here.small.inputs()).detach()
    assert loss == pytest.approx(class_distance_naive(theirs, y, ours, here.small.y), rel=1e-4)


def test_it_goes_downhill() -> None:
    here, objective = step(), gcdm.recipe(setting(2, kind="nodes"), gcdm.Config()).objective
    before = objective.accumulate(here)
    assert here.small.x.grad is not None
    here.small.x.data -= 0.01 * here.small.x.grad.sign()
    assert objective.accumulate(here) < before
