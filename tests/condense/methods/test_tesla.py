from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from graphdistill.condense.methods import mtt, tesla
from tests.condense.samples import setting


@pytest.fixture(autouse=True)
def short_experts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtt, "EXPERTS", 2)


def test_all_but_the_gradient_is_mtts() -> None:
    one, other = mtt.recipe(setting(), mtt.Config()), tesla.recipe(setting(), tesla.Config())
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
