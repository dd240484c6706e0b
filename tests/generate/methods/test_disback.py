from dataclasses import replace

import pytest
import torch

from graphdistill.generate.methods import disback
from graphdistill.generate.methods.disback import Config, degradation_path, target_at
from graphdistill.generate.teacher import denoising_loss
from tests.generate.methods.plane import context

SHORT = {"degradation_steps": 4, "checkpoints": 2, "critic_steps": 1}


def test_the_path_begins_at_the_teacher_and_ends_where_the_undistilled_generator_is_denoised_better():
    setting = context(batch_size=64, lr=1e-2)
    path = degradation_path(setting, (2.5,), Config(degradation_steps=60, checkpoints=3))
    assert path[0] is setting.teacher
    assert len(path) == 4
    y = torch.arange(300) % 3
    undistilled = setting.teacher(2.5 * torch.randn(300, 2, generator=torch.Generator().manual_seed(0)), 2.5, y)
    losses = [float(denoising_loss(d, undistilled, y, torch.Generator().manual_seed(1))) for d in path]
    assert losses == sorted(losses, reverse=True)
    assert not any(p.requires_grad for degraded in path for p in degraded.parameters())


@pytest.mark.parametrize("steps", [1, 7, 100])
@pytest.mark.parametrize("targets", [1, 4])
@pytest.mark.parametrize("back", [0.0, 0.3, 1.0])
def test_targets_fall_to_the_teacher_and_stay_there(steps, targets, back):
    numbers = [target_at(step, steps, targets, back) for step in range(1, steps + 1)]
    assert numbers == sorted(numbers, reverse=True)
    assert all(0 <= number < targets for number in numbers)
    moving = int(back * steps)
    assert not any(numbers[moving:])
    if moving:
        assert numbers[0] == targets - 1


def test_the_critic_begins_as_the_most_degraded_and_the_targets_are_those_before_it(monkeypatch):
    seen = {}

    def distill_scores(setting, initial, levels, how):
        seen.update(critic=how.critic, targets=[how.teacher_at(step) for step in range(1, 11)], initial=initial)

    monkeypatch.setattr(disback, "distill_scores", distill_scores)
    setting = context(steps=10)
    config = Config(**{**SHORT, "checkpoints": 4}, back=0.8)
    disback.distill(setting, config)
    path = degradation_path(setting, (2.5,), config)
    expected = [path[number] for number in (3, 3, 3, 2, 2, 2, 1, 1, 0, 0)]
    for found, wanted in zip([seen["critic"], *seen["targets"]], [path[-1], *expected], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(found.parameters(), wanted.parameters(), strict=True))
    assert all(p.requires_grad for p in seen["critic"].parameters())
    assert seen["initial"] is setting.teacher


def test_the_generator_is_the_same_for_the_same_seed_and_reads_no_real_entries():
    setting = context(steps=2, sampling_steps=2)
    nothing = replace(setting, entries=replace(setting.entries, z=torch.full_like(setting.entries.z, torch.nan)))
    first, again = (disback.distill(given, Config(**SHORT)) for given in (setting, nothing))
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.isfinite(a).all()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"checkpoints": 0}, "--checkpoints must be from 1 to the number of --degradation-steps, got 0 and 200"),
        ({"degradation_steps": 3}, "--checkpoints must be from 1 to the number of --degradation-steps, got 4 and 3"),
        ({"back": 1.5}, "--back must be from 0 to 1, got 1.5"),
        ({"critic_steps": 0}, "--critic-steps must be 1 or more, got 0"),
        ({"start": 0.0}, "--start must be above 0, got 0.0"),
    ],
)
def test_bad_options_are_rejected(words, text):
    with pytest.raises(ValueError, match=text):
        Config(**words)
