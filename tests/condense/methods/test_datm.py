from __future__ import annotations

import pytest
import torch

from graphdistill.condense.matching.experts import expert_logits
from graphdistill.condense.methods import datm
from graphdistill.condense.methods.mtt import LOG_LR, TrajectoryMatch
from tests.condense.samples import context_of


def test_it_begins_with_images_that_experts_are_right_on_and_what_they_say() -> None:
    context = context_of(2)
    recipe = datm.recipe(context, datm.Config(experts=2))
    synthetic, match = recipe.start, recipe.objective
    assert synthetic is not None
    assert synthetic.logits is not None
    assert isinstance(match, TrajectoryMatch)
    logits, right = expert_logits(context.real, match.network, match.experts[:, -1])
    where = (context.real.flat()[:, None] == synthetic.x.detach().flatten(1)).all(dim=2).nonzero()
    index = where[where[:, 1].argsort(), 0]
    torch.testing.assert_close(synthetic.logits.detach(), logits[index])
    for label, members in enumerate(context.real.members):
        mine = index[synthetic.y == label]
        assert set(mine.tolist()) <= set(members.tolist())
        assert sorted(right[mine].tolist()) == right[members].sort().values[-2:].tolist()


def test_labels_are_learnt_and_bad_steps_skipped() -> None:
    recipe = datm.recipe(context_of(2), datm.Config(experts=2))
    assert dict(recipe.lr).keys() == {"x", "logits", LOG_LR}  # type: ignore[call-overload]
    assert recipe.start is not None
    assert recipe.start.parameters().keys() == {"x", "logits", LOG_LR}
    assert isinstance(recipe.objective, TrajectoryMatch)
    assert recipe.objective.max_loss == 1.0


def test_larger_sets_match_later_epochs() -> None:
    windows = [datm.window(datm.Config(experts=2), per_class) for per_class in (1, 10, 50)]
    assert windows[0].latest < windows[1].latest <= windows[2].latest
    assert all(window.latest + 2 <= datm.Config().expert_epochs for window in windows)
    assert windows[1].limit(0) < windows[1].limit(1)


def test_windows_end_where_the_experts_do() -> None:
    short = datm.Config(expert_epochs=3, span=2)
    assert [datm.window(short, per_class).latest for per_class in (1, 10)] == [1, 1]
    assert datm.window(datm.Config(max_start_epoch=6), 10).latest == 6


def test_the_options_of_mtt_are_used() -> None:
    recipe = datm.recipe(context_of(2), datm.Config(experts=1, student_lr=0.5, lr_lr=0.3, student_batch=2))
    assert recipe.start is not None
    assert isinstance(recipe.objective, TrajectoryMatch)
    assert recipe.start.extra[LOG_LR].exp().item() == pytest.approx(0.5)  # type: ignore[union-attr]
    assert (recipe.lr[LOG_LR], recipe.objective.batch) == (0.3, 2)  # type: ignore[index]


def test_another_seed_begins_with_other_images() -> None:
    one, same, other = (datm.recipe(context_of(2, seed=seed), datm.Config(experts=2)).start for seed in (0, 0, 1))
    assert one is not None
    assert same is not None
    assert other is not None
    assert torch.equal(one.x, same.x)
    assert not torch.equal(one.x, other.x)
