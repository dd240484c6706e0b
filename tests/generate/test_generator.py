import pytest
import torch

from graphdistill.generate.generator import CHUNK, Generator, Step
from graphdistill.generate.space import Space, entries_of
from tests.generate.samples import denoiser, images, made_generator, two_moons

SEED = torch.Generator().manual_seed
LABELS = torch.tensor([2, 0, 1, 1, 0])


def test_one_step_is_one_evaluation_of_the_denoiser_at_the_first_level():
    model = denoiser()
    made = Generator(model, [Step(sigma=4.0)])
    noise = 4.0 * torch.randn(5, 2, generator=SEED(3))
    assert torch.equal(made.draw(LABELS, generator=SEED(3)), model(noise, 4.0, LABELS))
    assert made.evaluations == 1


def test_steps_add_noise_or_follow_the_equation_as_in_a_loop():
    first, second = denoiser(seed=0), denoiser(seed=1)
    steps = [
        Step(sigma=8.0, guidance=1.5, move="ode"),
        Step(sigma=3.0, model=1, guidance=2.0, embedded=True),
        Step(sigma=0.5, level=0.7),
    ]
    made = Generator([first, second], steps)
    draws, trace = SEED(3), []
    x = 8.0 * torch.randn(5, 2, generator=draws)
    means = [first.guided(x, 8.0, LABELS, 1.5)]
    x = means[0] + 3.0 / 8.0 * (x - means[0])
    means.append(second(x, 3.0, LABELS, guidance=torch.full((5,), 2.0)))
    x = means[1] + 0.5 * torch.randn(5, 2, generator=draws)
    means.append(first(x, 0.5, LABELS, level=0.7))
    assert torch.equal(made.draw(LABELS, generator=SEED(3)), means[2])
    draws = SEED(3)
    made(made.start(LABELS, draws), LABELS, draws, trace=trace)
    assert all(torch.equal(found, expected) for found, expected in zip(trace, means, strict=True))
    assert made.evaluations == 4


def test_classes_are_routed_to_denoisers_of_their_own():
    models = [denoiser(seed=0), denoiser(seed=1)]
    made = Generator(models, [Step(sigma=2.0)], route=[1, 0, 1])
    noise = made.start(LABELS, SEED(0))
    found = made(noise, LABELS)
    for i, label in enumerate(LABELS.tolist()):
        alone = models[[1, 0, 1][label]](noise[i : i + 1], 2.0, LABELS[i : i + 1])[0]
        torch.testing.assert_close(found[i], alone)


def test_labels_decide_the_class():
    exact = two_moons()
    labels = torch.arange(400) % 2
    x = Generator(exact, [Step(sigma=5.0), Step(sigma=0.6), Step(sigma=0.2)]).draw(labels, generator=SEED(0))
    nearest = torch.cdist(x, exact.network.means).argmin(dim=1)
    assert float((exact.network.classes[nearest] == labels).float().mean()) > 0.95


def test_a_seed_gives_the_same_bytes_and_many_entries_are_drawn_in_parts():
    made = made_generator(levels=(4.0, 1.0))
    labels = torch.arange(CHUNK + 5) % 3
    first, second, other = (made.draw(labels, generator=SEED(seed)) for seed in (1, 1, 2))
    assert first.shape == (CHUNK + 5, 2)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert not first.requires_grad


def test_a_generator_is_drawn_like_a_stored_set():

    entries = entries_of(images())
    made = made_generator(entries.shape, space=entries.space)
    found = made.sample(LABELS, generator=SEED(0))
    assert torch.equal(found.y, LABELS)
    assert found.data.shape == (5, 1, 4, 4)
    assert 0 <= float(found.data.min()) <= float(found.data.max()) <= 1
    assert torch.equal(found.data, (found.data * 255).round() / 255)
    assert torch.equal(found.weight, torch.tensor([1.0, 0.5, 0.5, 0.5, 0.5]))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.tensor([0, 3]), "labels must be classes from 0 to 2, got 3"),
        (torch.tensor([-1, 0]), "labels must be classes from 0 to 2, got -1"),
        (torch.tensor([0.0]), r"labels must be long \[n\] with n of 1 or more, got torch\.float32 \[1\]"),
        (torch.tensor([[0]]), r"got torch\.int64 \[1, 1\]"),
        (torch.empty(0, dtype=torch.long), r"got torch\.int64 \[0\]"),
    ],
)
def test_labels_that_the_denoisers_do_not_know_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        made_generator().sample(labels, generator=SEED(0))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"sigma": 0.0}, r"sigma must be above 0 and finite, got 0\.0"),
        ({"sigma": float("nan")}, "sigma must be above 0 and finite, got nan"),
        ({"sigma": float("inf")}, "sigma must be above 0 and finite, got inf"),
        ({"sigma": 1.0, "level": float("nan")}, "level must be above 0 and finite, got nan"),
        ({"sigma": 1.0, "guidance": float("nan")}, "guidance must be finite, got nan"),
        ({"sigma": 1.0, "move": "jump"}, "move must be noise or ode, got 'jump'"),
    ],
)
def test_steps_that_cannot_be_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        Step(**words)


@pytest.mark.parametrize(
    ("levels", "words", "message"),
    [
        ([], {}, r"steps must be one or more from the highest level down, got \[\]"),
        ([1.0, 2.0], {}, r"steps must be one or more from the highest level down, got \[1\.0, 2\.0\]"),
        ([1.0], {"model": 1}, "steps and route may name denoisers from 0 to 0, got 1"),
        ([1.0], {"model": -1}, "steps and route may name denoisers from 0 to 0, got -1"),
    ],
)
def test_steps_that_do_not_fit_are_refused(levels, words, message):
    with pytest.raises(ValueError, match=message):
        Generator(denoiser(), [Step(sigma=level, **words) for level in levels])


def test_denoisers_that_do_not_fit_are_refused():
    step = [Step(sigma=1.0)]
    with pytest.raises(ValueError, match=r"route must name a denoiser for each of 3 classes, got \(0, 0\)"):
        Generator(denoiser(), step, route=[0, 0])
    with pytest.raises(ValueError, match="steps and route may name denoisers from 0 to 0, got 2"):
        Generator(denoiser(), step, route=[0, 2, 0])
    for other in (denoiser((3,)), denoiser(num_classes=4)):
        with pytest.raises(ValueError, match="models must be one or more of the same entries and classes, got"):
            Generator([denoiser(), other], step)
    with pytest.raises(ValueError, match=r"models must be one or more of the same entries and classes, got \[\]"):
        Generator([], step, Space((2,)))
    with pytest.raises(ValueError, match="generator must be given: the steps add noise"):
        made_generator(levels=(2.0, 1.0))(torch.randn(5, 2), LABELS)
