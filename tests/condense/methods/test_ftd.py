from __future__ import annotations

import pytest
import torch

from graphdistill.condense.matching.experts import record_trajectories
from graphdistill.condense.methods import ftd, mtt
from tests.condense.samples import setting


@pytest.fixture(autouse=True)
def short_experts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtt, "EXPERTS", 2)


def test_experts_look_for_flat_places_and_the_set_is_an_average() -> None:
    asked = setting()
    recipe, plain = ftd.recipe(asked, ftd.Config()), mtt.recipe(asked, mtt.Config())
    assert recipe.average > 0 == plain.average
    assert isinstance(recipe.objective, mtt.TrajectoryMatch)
    assert isinstance(plain.objective, mtt.TrajectoryMatch)
    experts = recipe.objective.experts
    assert torch.equal(experts[:, 0], plain.objective.experts[:, 0])
    assert float((experts[:, -1] - plain.objective.experts[:, -1]).norm()) > 1e-3
    assert torch.equal(experts, record_trajectories(asked.real, ftd.TRAINING, mtt.EXPERTS, asked.seed))
    assert ftd.TRAINING.sharpness is not None
