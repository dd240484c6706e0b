from dataclasses import replace
from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.generate.methods import dmd2, msd
from graphdistill.generate.methods.msd import Config, match_teacher, partition
from graphdistill.generate.storage import as_stored, load_generator, save_generator
from tests.generate.methods.plane import SCHEDULE, context, rows


def weights(module):
    return torch.cat([value.detach().flatten() for value in module.parameters()])


@given(st.integers(1, 40), st.integers(1, 40))
def test_every_class_is_in_one_set_and_sets_are_as_large(classes, parts):
    if parts > classes:
        return
    found = partition(classes, parts)
    assert list(chain(*found)) == list(range(classes))
    assert max(map(len, found)) - min(map(len, found)) <= 1
    assert len(found) == parts


def test_each_class_is_drawn_by_its_own_student():
    made = msd.distill(context(steps=6), Config(students=3))
    assert made.route == (0, 1, 2)
    noise = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    for label, model in enumerate(made.models):
        y = torch.full((5,), label)
        torch.testing.assert_close(made(2.5 * noise, y), model(2.5 * noise, 2.5, y))


def test_students_share_the_updates_and_learn_from_their_own_classes():
    setting = context(steps=5)
    made = msd.distill(setting, Config(students=2, gan=0))
    own = replace(setting, config=replace(setting.config, steps=2))
    for student, classes in zip(made.models, ([0], [1, 2]), strict=True):
        assert torch.equal(weights(student), weights(dmd2.match(own, Config(gan=0), setting.teacher, classes)))


def test_a_student_of_another_width_matches_the_teacher_at_noisy_entries():
    setting = context(batch_size=64, lr=1e-3)
    found, untrained = (match_teacher(setting, 16, steps, [0, 2]) for steps in (200, 1))
    assert found.network.config.width == 16
    z, y = (part[rows().y != 1] for part in (rows().z, rows().y))
    noisy = z + 0.3 * torch.randn(len(z), 2, generator=torch.Generator().manual_seed(0))
    target = setting.teacher(noisy, 0.3, y)
    errors = [float((d(noisy, 0.3, y) - target).square().mean()) for d in (found, untrained)]
    assert errors[0] < 0.5 * errors[1]
    assert found.schedule == SCHEDULE


def test_smaller_students_are_saved_and_loaded(tmp_path):
    made = as_stored(msd.distill(context(steps=2), Config(students=2, width=4, matching_steps=4)))
    save_generator(made, tmp_path)
    y = torch.arange(3)
    drawn = [g.draw(y, generator=torch.Generator().manual_seed(0)) for g in (made, load_generator(tmp_path))]
    assert torch.equal(*drawn)


def test_the_generator_is_the_same_for_the_same_seed():
    first, again, other = (msd.distill(context(seed, steps=4), Config(width=4, matching_steps=4)) for seed in (0, 0, 1))
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"students": 0}, "--students and --matching-steps must be 1 or more, got 0 and 1000"),
        ({"width": -1}, "--width must be 0 or more, got -1"),
        ({"critic_steps": 0}, "--critic-steps must be 1 or more, got 0"),
    ],
)
def test_bad_options_are_rejected(words, text):
    with pytest.raises(ValueError, match=text):
        Config(**words)


@pytest.mark.parametrize(("steps", "students"), [(9, 4), (2, 3)])
def test_more_students_than_classes_or_updates_are_rejected(steps, students):
    with pytest.raises(
        ValueError, match=f"--students must be at most the number of classes, 3, and of --steps, {steps}"
    ):
        msd.distill(context(steps=steps), Config(students=students))
