import copy

import pytest
import torch

from graphdistill.generate import DMD2Config, GenerateConfig, SIMConfig, distill_generator
from graphdistill.generate.storage import as_stored
from tests.generate.samples import denoiser, entries, images, made_generator

SHORT = GenerateConfig(steps=2, batch_size=8)
SEED = torch.Generator().manual_seed


def distilled(method, seed=0, config=SHORT):
    return distill_generator(denoiser((1, 4, 4)), images(), method, config, generator=SEED(seed))


@pytest.mark.parametrize("method", ["dmd2", "sim", "diversity-distillation"])
def test_a_seed_gives_the_same_bytes(method):
    first, second, other = (distilled(method, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


def test_the_given_teacher_stays_as_it_is():
    teacher = denoiser((1, 4, 4)).train()
    before = copy.deepcopy(teacher.state_dict())
    made = distill_generator(teacher, entries(), "diversity-distillation", SHORT)
    assert all(torch.equal(value, teacher.state_dict()[name]) for name, value in before.items())
    assert teacher.training
    assert all(weight.requires_grad for weight in teacher.parameters())
    assert not made.training


def test_a_generator_has_weights_of_16_bits_and_the_steps_that_were_asked_for():
    config = GenerateConfig(steps=1, batch_size=4, sampling_steps=3)
    made = distilled(DMD2Config(gan=0, start=4.0), config=config)
    assert [step.sigma for step in made.steps] == sorted((step.sigma for step in made.steps), reverse=True)
    assert (len(made.steps), made.evaluations) == (3, 3)
    assert made.steps[0].sigma == pytest.approx(4.0)
    for value in made.models.state_dict().values():
        assert torch.equal(value, value.half().float())
    assert torch.equal(made.space.mean, entries().space.mean)


def test_only_the_training_split_is_read():
    data = images()
    other = images().images.clone()
    other[data.test] = 0.123
    other[data.valid] = 0.987
    changed = type(data)("rows", other, data.y, data.train, data.valid, data.test)
    one, two = (distill_generator(denoiser((1, 4, 4)), d, "dmd2", SHORT).state_dict() for d in (data, changed))
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_what_cannot_be_distilled_is_refused():
    data = images()
    with pytest.raises(ValueError, match=r"--method 'dmd' is unknown\. Did you mean dmd2\?"):
        distill_generator(denoiser((1, 4, 4)), data, "dmd", SHORT)
    message = (
        r"teacher denoises entries of shape \[1, 8, 8\], but those of rows have \[1, 4, 4\]; give the teacher that"
    )
    with pytest.raises(ValueError, match=message):
        distill_generator(denoiser((1, 8, 8)), data, SIMConfig(), SHORT)
    with pytest.raises(ValueError, match="teacher knows 2 classes, but rows has 3; give the teacher that was trained"):
        distill_generator(denoiser((1, 4, 4), num_classes=2), data, "sim", SHORT)
    with pytest.raises(ValueError, match=r"--start must be above the teacher's least noise level 0\.01, got 0\.001"):
        distill_generator(denoiser((1, 4, 4)), data, SIMConfig(start=0.001), SHORT)


@pytest.mark.parametrize("name", ["network.last.weight", "network.condition.label.weight"])
def test_a_teacher_with_weights_that_are_not_finite_is_refused(name):
    teacher = denoiser((1, 4, 4))
    with torch.no_grad():
        teacher.state_dict()[name].view(-1)[3] = float("nan")
    with pytest.raises(ValueError, match="teacher returns values that are not finite; train it with a lower learning"):
        distill_generator(teacher, images(), "sim", SHORT)


def test_a_generator_whose_weights_grew_too_large_is_refused():
    made = made_generator()
    with torch.no_grad():
        made.models[0].network.last.weight[0, 0] = 1e6
    with pytest.raises(
        ValueError, match=r"weights 0\.network\.last\.weight are too large or not finite; train with a l"
    ):
        as_stored(made)
