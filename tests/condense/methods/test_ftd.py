from __future__ import annotations

import torch

from graphdistill.condense.matching.experts import ExpertTraining, Sharpness, record_trajectories
from graphdistill.condense.methods import ftd, mtt
from graphdistill.core.training.augment import Augment
from tests.condense.samples import context_of


def test_experts_are_trained_towards_flat_minima_and_the_set_is_an_average() -> None:
    context = context_of()
    recipe, plain = ftd.recipe(context, ftd.Config(experts=2)), mtt.recipe(context, mtt.Config(experts=2))
    assert recipe.average > 0 == plain.average
    assert isinstance(recipe.objective, mtt.TrajectoryMatch)
    assert isinstance(plain.objective, mtt.TrajectoryMatch)
    experts = recipe.objective.experts
    assert torch.equal(experts[:, 0], plain.objective.experts[:, 0])
    assert float((experts[:, -1] - plain.objective.experts[:, -1]).norm()) > 1e-3
    training = ExpertTraining(epochs=12, lr=0.01, augment=Augment(), sharpness=Sharpness(0.3, 0.4))
    assert torch.equal(experts, record_trajectories(context.real, training, 2, context.seed))
