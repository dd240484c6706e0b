from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import nn

from graphdistill.condense.matching.objective import Recipe, Step
from graphdistill.condense.matching.optimizer import SetOptimizer
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.condense.matching.steps import NotFinite, learn
from graphdistill.condense.methods import dc
from graphdistill.core.training.augment import NO_AUGMENT
from tests.condense.samples import context_of, real, seeded


@dataclass(frozen=True)
class ToWhite:
    """An objective that pulls pixels to 2 and keeps what it got."""

    fails_at: int = 99
    seen: list[Step] = field(default_factory=list)
    weights: list[torch.Tensor] = field(default_factory=list)

    def accumulate(self, step: Step) -> float:
        self.seen.append(step)
        if step.net is not None:
            self.weights.append(step.net.head.weight.detach().clone())
        loss = step.synthetic.backward((step.synthetic.inputs() - 2).square().sum())
        return math.nan if step.step >= self.fails_at else loss


def recipe(objective: ToWhite, **changes: object) -> Recipe:
    base = Recipe(objective=objective, schedule=None, augment=NO_AUGMENT, steps=4, lr=0.01)
    return replace(base, **changes)  # type: ignore[arg-type]


def test_each_step_yields_its_loss_and_the_set_is_clipped() -> None:
    objective, synthetic = ToWhite(), real().init_random(1, seeded())
    steps = learn(synthetic, real(), recipe(objective, lr=10.0), 0)
    before = synthetic.x.detach().clone()
    first = next(steps)
    assert not torch.equal(synthetic.x, before)
    assert [first, *steps] == [pytest.approx(value) for value in (first, 3 * 64, 3 * 64, 3 * 64)]
    assert float(synthetic.x.detach().min()) == 1
    assert [(step.step, step.fraction_done) for step in objective.seen] == [(0, 0), (1, 0.25), (2, 0.5), (3, 0.75)]


def test_networks_are_those_of_the_schedule_and_trained_on_the_set() -> None:
    objective = ToWhite()
    list(learn(real().init_random(2, seeded()), real(), recipe(objective, schedule=Schedule(outer=2, inner=1)), 0))
    one, trained, other, again = objective.weights
    assert not torch.equal(one, trained)
    assert not torch.equal(one, other)
    assert not torch.equal(other, again)
    torch.testing.assert_close(one, trained, rtol=0, atol=0.1)


def test_given_networks_stay_as_they_are_and_no_real_data_are_needed() -> None:
    nets = [real().network() for _ in range(4)]
    before = [net.head.weight.detach().clone() for net in nets]
    objective = ToWhite()
    list(learn(real().init_random(1, seeded()), None, recipe(objective), 0, network=lambda step: nets[step]))
    assert all(map(torch.equal, objective.weights, before))
    assert [step.net for step in objective.seen] == nets
    assert all(isinstance(step.net, nn.Module) for step in objective.seen)


def test_a_run_in_two_parts_with_one_optimizer_is_the_whole_run() -> None:
    what = replace(dc.recipe(context_of(), dc.Config()), steps=6, schedule=Schedule(outer=3, inner=1))
    whole, parts = real().init_random(2, seeded()), real().init_random(2, seeded())
    list(learn(whole, real(), what, 5))
    optimizer = SetOptimizer(what, parts.parameters())
    started = learn(parts, real(), what, 5, optimizer=optimizer)
    for _ in range(3):
        next(started)
    assert not torch.equal(whole.x, parts.x)
    assert len(list(learn(parts, real(), what, 5, optimizer=optimizer, first=3))) == 3
    assert torch.equal(whole.x, parts.x)


def test_streams_and_seeds_are_independent() -> None:
    def drawn(seed: int, stream: str) -> int:
        objective = ToWhite()
        next(learn(real().init_random(1, seeded()), None, recipe(objective), seed, stream=stream))
        return int(torch.randint(1 << 40, (), generator=objective.seen[0].generator))

    assert drawn(0, "step") == drawn(0, "step")
    assert len({drawn(0, "step"), drawn(1, "step"), drawn(0, "matching")}) == 3


def test_what_is_not_finite_stops_after_the_step() -> None:
    steps = learn(real().init_random(1, seeded()), real(), recipe(ToWhite(fails_at=2)), 0)
    assert all(map(math.isfinite, (next(steps), next(steps))))
    with pytest.raises(NotFinite, match="the loss is nan or a value of the set is not finite at step 2") as caught:
        next(steps)
    assert (caught.value.step, math.isnan(caught.value.loss)) == (2, True)
    with pytest.raises(NotFinite, match="at step 0"):
        list(learn(real().init_random(1, seeded()), real(), recipe(ToWhite(), lr=math.nan), 0))
