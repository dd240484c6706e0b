import pytest
import torch

from graphdistill.core.randomness import scoped
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.networks import NetworkConfig
from graphdistill.generate.sampling import sample_ode
from graphdistill.generate.sliders import train_slider, with_slider
from graphdistill.generate.space import entries_of
from graphdistill.generate.teacher import TeacherConfig, train_teacher
from tests.protect.samples import images


@pytest.fixture(scope="module")
def teacher():
    network = NetworkConfig(width=32, depth=1)
    return train_teacher(images(), TeacherConfig(steps=600, batch_size=32, patience=50), network)


def rows_that_shine(z):
    """Class of each drawn image: images of class c are bright in row 2 c + 1."""
    return z[:, 0, 1:6:2].mean(dim=2).argmax(dim=1)


def test_a_slider_of_the_teacher_moves_a_class_in_the_teacher_and_in_another_network_of_its_kind(teacher):
    slider = train_slider(teacher, images(), 0, 2, rank=2, steps=150, batch_size=32)
    whole = Generator(teacher, [Step(sigma=2.5)], entries_of(images()).space)
    moved = with_slider(whole, slider)
    y, draws = torch.arange(3).repeat(20), torch.Generator()
    before, after = (rows_that_shine(g.draw(y, generator=draws.manual_seed(0))) for g in (whole, moved))
    assert (before == y).float().mean() > 0.9
    assert (after[y == 0] == 2).float().mean() > 0.7
    assert (after[y == 1] == 1).float().mean() > 0.9
    in_steps = sample_ode(moved.models[0], y, 8, generator=draws.manual_seed(0))
    assert (rows_that_shine(in_steps)[y == 0] == 2).float().mean() > 0.6
    # The given generator stays as it is, and a scale of 0 is the generator itself.
    still = with_slider(whole, slider, 0.0)
    assert torch.equal(still.draw(y, generator=draws.manual_seed(0)), whole.draw(y, generator=draws.manual_seed(0)))


def test_the_same_seed_gives_the_same_slider(teacher):
    first, again, other = (train_slider(teacher, images(), 0, 1, steps=2, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_classes_that_cannot_be_are_refused(teacher):
    with pytest.raises(ValueError, match="away must be a class from 0 to 2, got 3"):
        train_slider(teacher, images(), 3, 0)
    with pytest.raises(ValueError, match="away and toward must be two classes, got 1 twice"):
        train_slider(teacher, images(), 1, 1)


def test_a_slider_of_another_architecture_is_refused(teacher):
    slider = train_slider(teacher, images(), 0, 1, steps=1)
    with scoped(0, "other"):
        other = Denoiser(NetworkConfig(width=16, depth=1).build((1, 8, 8), 3))
    with pytest.raises(ValueError, match="adapters are those of another network"):
        with_slider(Generator(other, [Step(sigma=2.5)]), slider)
