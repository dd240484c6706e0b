from __future__ import annotations

import pytest
import torch

from graphdistill.condense.matching.experts import expert_logits
from graphdistill.condense.methods import datm, mtt
from graphdistill.condense.methods.mtt import LOG_LR, TrajectoryMatch
from tests.condense.samples import setting


@pytest.fixture(autouse=True)
def short_experts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtt, "EXPERTS", 2)


def test_it_begins_with_images_that_experts_are_right_on_and_what_they_say() -> None:
    asked = setting(2)
    recipe = datm.recipe(asked, datm.Config())
    small, match = recipe.start, recipe.objective
    assert small is not None
    assert small.logits is not None
    assert isinstance(match, TrajectoryMatch)
    logits, right = expert_logits(asked.real, match.network, match.experts[:, -1])
    where = (asked.real.flat()[:, None] == small.x.detach().flatten(1)).all(dim=2).nonzero()
    rows = where[where[:, 1].argsort(), 0]
    torch.testing.assert_close(small.logits.detach(), logits[rows])
    for label, members in enumerate(asked.real.members):
        mine = rows[small.y == label]
        assert set(mine.tolist()) <= set(members.tolist())
        assert sorted(right[mine].tolist()) == right[members].sort().values[-2:].tolist()


def test_labels_are_learnt_and_bad_steps_skipped() -> None:
    recipe = datm.recipe(setting(2), datm.Config())
    assert dict(recipe.lr).keys() == {"x", "logits", LOG_LR}  # type: ignore[call-overload]
    assert recipe.start is not None
    assert recipe.start.parameters().keys() == {"x", "logits", LOG_LR}
    assert isinstance(recipe.objective, TrajectoryMatch)
    assert recipe.objective.above == 1.0


def test_larger_sets_match_later_epochs() -> None:
    windows = [datm.window(per_class) for per_class in (1, 10, 50)]
    assert windows[0].latest < windows[1].latest <= windows[2].latest
    assert all(window.latest + 2 <= mtt.TRAINING.epochs for window in windows)
    assert windows[1].limit(0) < windows[1].limit(1)


def test_another_seed_begins_with_other_images() -> None:
    one, same, other = (datm.recipe(setting(2, seed=seed), datm.Config()).start for seed in (0, 0, 1))
    assert one is not None
    assert same is not None
    assert other is not None
    assert torch.equal(one.x, same.x)
    assert not torch.equal(one.x, other.x)
