from __future__ import annotations

import torch

from graphdistill.condense.data.nodes import LearnableNodes
from graphdistill.condense.matching.objective import Recipe, Step
from graphdistill.condense.methods import sfgc
from graphdistill.condense.methods.mtt import LOG_LR, TrajectoryMatch
from tests.condense.samples import context_of, seeded


def gradients(recipe: Recipe, unroll: str) -> dict[str, torch.Tensor]:
    objective, context = recipe.objective, context_of(kind="nodes")
    assert isinstance(objective, TrajectoryMatch)
    assert recipe.start is not None
    for value in recipe.start.parameters().values():
        value.grad = None
    how = type(objective)(objective.network, objective.experts, objective.window, 1, 5, unroll=unroll)  # type: ignore
    how.accumulate(Step(recipe.start, context.real, None, recipe.augment, seeded()))
    return {name: value.grad for name, value in recipe.start.parameters().items() if value.grad is not None}


def test_nodes_begin_as_means_of_groups_and_stand_alone() -> None:
    context = context_of(3, kind="nodes")
    synthetic, x = sfgc.recipe(context, sfgc.Config(passes=1)).start, context.real.flat()
    assert isinstance(synthetic, LearnableNodes)
    for label, index in enumerate(context.real.members):
        torch.testing.assert_close(
            synthetic.features()[synthetic.y == label].mean(dim=0), x[index].mean(dim=0), rtol=0.1, atol=0.02
        )
    assert synthetic.inputs().adjacency is None
    assert synthetic.y.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_the_sweep_is_exact_on_nodes() -> None:
    recipe = sfgc.recipe(context_of(kind="nodes"), sfgc.Config(passes=1))
    one, other = gradients(recipe, "reverse"), gradients(recipe, "full")
    assert one.keys() == {"x", LOG_LR}
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=1e-4, atol=1e-7)


def test_the_same_seed_gives_the_same_recipe() -> None:
    one, same, other = (
        sfgc.recipe(context_of(seed=seed, kind="nodes"), sfgc.Config(passes=1)).objective for seed in (0, 0, 1)
    )
    assert torch.equal(one.experts, same.experts)  # type: ignore[attr-defined]
    assert not torch.equal(one.experts, other.experts)  # type: ignore[attr-defined]
