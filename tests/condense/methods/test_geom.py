from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.methods import geom, sfgc
from graphdistill.condense.methods.mtt import LOG_LR, TrajectoryMatch
from graphdistill.core.data.datasets import NodeDataset
from tests.condense.oracles_trajectories import entropy_naive
from tests.condense.samples import context_of, pairs


def relabelled(data: NodeDataset, seed: int) -> NodeDataset:
    """Other labels for all nodes that are not for training."""
    y, rest = data.y.clone(), torch.cat([data.valid, data.test])
    y[rest] = torch.randint(3, rest.shape, generator=torch.Generator().manual_seed(seed))
    return replace(data, y=y)


@given(seed=st.integers(0, 1000))
def test_labels_for_validation_and_test_change_nothing(seed: int) -> None:
    assert torch.equal(geom.difficulty(pairs()), geom.difficulty(relabelled(pairs(), seed)))


def test_nor_do_they_change_the_recipe() -> None:
    protocol = protocol_of(relabelled(pairs(), 1))
    one, other = (
        geom.recipe(context_of(kind="nodes"), geom.Config(passes=1)),
        geom.recipe(MethodContext(training_data_of(protocol), 2, protocol), geom.Config(passes=1)),
    )
    assert isinstance(one.objective, TrajectoryMatch)
    assert isinstance(other.objective, TrajectoryMatch)
    assert torch.equal(one.objective.experts, other.objective.experts)
    assert one.start is not None
    assert other.start is not None
    for name, value in one.start.parameters().items():
        assert torch.equal(value, other.start.parameters()[name])


def test_difficulty_is_the_entropy_of_the_neighbours() -> None:
    """All labels known: no spreading. A star whose centre has neighbours of three classes, and a node alone."""
    edges = torch.tensor([[0, 0, 0, 0, 1, 2, 3, 4], [1, 2, 3, 4, 0, 0, 0, 0]])
    none = torch.empty(0, dtype=torch.long)
    star = NodeDataset("star", torch.ones(6, 1), edges, torch.tensor([0, 0, 1, 2, 2, 1]), torch.arange(6), none, none)
    one = torch.eye(3).tolist()
    found = geom.difficulty(star).tolist()
    assert found[0] == pytest.approx(entropy_naive([one[0], one[1], one[2], one[2]]))
    assert found[1:] == pytest.approx([0] * 5, abs=1e-6)


def test_labels_spread_to_nodes_that_have_none() -> None:
    """Between two classes, a node without a label is of both; one that nothing reaches may be of any."""
    edges = torch.tensor([[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]])
    none = torch.empty(0, dtype=torch.long)
    path = NodeDataset("path", torch.ones(5, 1), edges, torch.tensor([0, 0, 1, 0, 0]), torch.tensor([0, 2]), none, none)
    assert geom.difficulty(path).tolist() == pytest.approx([entropy_naive([[0.5, 0.5]])] * 2)


def test_experts_have_a_curriculum_and_labels_are_learnt() -> None:
    context = context_of(kind="nodes")
    recipe, plain = geom.recipe(context, geom.Config(passes=1)), sfgc.recipe(context, sfgc.Config(passes=1))
    assert recipe.start is not None
    assert plain.start is not None
    assert recipe.start.parameters().keys() - plain.start.parameters().keys() == {"logits"}
    assert recipe.start.labels.argmax(dim=1).tolist() == recipe.start.y.tolist()
    torch.testing.assert_close(recipe.start.inputs().x, plain.start.inputs().x)
    assert isinstance(recipe.objective, TrajectoryMatch)
    assert isinstance(plain.objective, TrajectoryMatch)
    assert torch.equal(recipe.objective.experts[:, 0], plain.objective.experts[:, 0])
    assert not torch.equal(recipe.objective.experts[:, 1], plain.objective.experts[:, 1])
    window = recipe.objective.window
    assert window.limit(0) < window.limit(1) == window.latest


def test_the_options_of_sfgc_are_used() -> None:
    config = geom.Config(passes=1, experts=1, expert_lr=0.2, max_loss=7.0, student_lr=0.25, span=2, lr_lr=0.5)
    recipe = geom.recipe(context_of(kind="nodes"), config)
    assert isinstance(recipe.objective, TrajectoryMatch)
    assert (recipe.objective.max_loss, recipe.objective.span) == (7.0, 2)
    assert recipe.lr[LOG_LR] == 0.5  # type: ignore[index]
    assert recipe.start.extra[LOG_LR].exp().item() == pytest.approx(0.25)  # type: ignore[union-attr]
