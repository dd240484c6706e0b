from __future__ import annotations

from dataclasses import replace

import torch

from graphdistill.condense.methods import mtt, tesla
from tests.condense.samples import context_of


def test_all_but_the_gradient_is_mtts() -> None:
    one, other = mtt.recipe(context_of(), mtt.Config(experts=2)), tesla.recipe(context_of(), tesla.Config(experts=2))
    assert isinstance(one.objective, mtt.TrajectoryMatch)
    assert isinstance(other.objective, mtt.TrajectoryMatch)
    assert (one.objective.unroll, other.objective.unroll) == ("reverse", "tesla")
    assert torch.equal(one.objective.experts, other.objective.experts)
    objective = replace(other.objective, unroll="reverse", experts=one.objective.experts, network=one.objective.network)
    assert objective == one.objective
    assert other.start is not None
    assert one.start is not None
    assert torch.equal(one.start.x, other.start.x)
    assert replace(other, objective=one.objective, start=one.start) == one
