import numpy as np
import pytest
import torch
from scipy.stats import norm

from graphdistill.generate.methods.ict import Config, consistency_loss, distill, grid_size, level_chances
from graphdistill.generate.noise import NoiseSchedule
from tests.generate.mixture import DEVIATION, MEANS, context, drawn, entries


def test_the_grid_doubles_in_equal_parts_up_to_the_finest():
    sizes = [grid_size(step / 1000, 10, 160) for step in range(1000)]
    found, counts = np.unique(sizes, return_counts=True)
    assert found.tolist() == [11, 21, 41, 81, 161]
    assert set(counts) == {200}
    assert grid_size(0.99, 10, 100) == 81
    assert grid_size(0.5, 7, 7) == 8


def test_chances_of_levels_are_those_of_a_lognormal():
    sigmas = NoiseSchedule().sigmas(12)
    below = norm.cdf(np.log(sigmas.double().numpy()), -1.1, 2.0)
    expected = below[:-1] - below[1:]
    np.testing.assert_allclose(level_chances(sigmas, -1.1, 2.0).numpy(), expected / expected.sum(), atol=1e-6)


def test_the_loss_is_that_of_the_paper_and_its_target_gets_no_gradient():
    student = context().teacher.copy()
    x, y = entries().split("train")
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    high, low = torch.full((len(x),), 0.8), torch.full((len(x),), 0.5)
    loss = consistency_loss(student, x, noise, y, (high, low), 0.1)
    top, bottom = student(x + 0.8 * noise, high, y), student(x + 0.5 * noise, low, y).detach()
    c = 0.1 * 2**0.5
    expected = ((((top - bottom) ** 2).sum(1) + c**2).sqrt() - c).mean() / 0.3
    torch.testing.assert_close(loss, expected)
    weights = [weight for weight in student.parameters() if weight.requires_grad]
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    for one, other in zip(found, torch.autograd.grad(expected, weights, allow_unused=True), strict=True):
        torch.testing.assert_close(one, other)


def test_at_the_least_level_nothing_changes():
    made = distill(context(), Config(updates=1))
    x = torch.randn(5, 2)
    torch.testing.assert_close(made.models[0](x, 0.01, torch.zeros(5, dtype=torch.long)), x)


@pytest.mark.parametrize("initial", ["teacher", "random"])
def test_same_seed_same_bytes(initial):
    made = [distill(context(seed), Config(initial=initial, updates=1)) for seed in (0, 0, 1)]
    assert torch.equal(drawn(made[0]), drawn(made[1]))
    assert not torch.equal(drawn(made[0]), drawn(made[2]))


@pytest.mark.parametrize("steps", [1, 2])
def test_classes_of_a_mixture_are_drawn_as_they_are(steps):
    ctx = context(steps=200, batch_size=64, lr=1e-3, sampling_steps=steps)
    made = distill(ctx, Config(initial="random", updates=1, finest=40))
    assert made.evaluations == steps
    z = drawn(made).reshape(200, 3, 2)
    assert (z.mean(0) - MEANS).abs().max() < 0.12
    assert 0.3 * DEVIATION < float(z.std(0).mean()) < 3 * DEVIATION


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"coarsest": 0}, "--coarsest must be from 1 to --finest, 160, got 0"),
        ({"finest": 5}, "--coarsest must be from 1 to --finest, 5, got 10"),
        ({"c": 0.0}, "--c must be above 0, got 0.0"),
        ({"lr_scale": 0.0}, "--lr-scale must be above 0, got 0.0"),
        ({"start": float("inf")}, "--start must be above 0, got inf"),
        ({"mean": float("nan")}, "--mean must be a finite number, got nan"),
        ({"updates": 0}, "--updates must be 1 or more, got 0"),
    ],
)
def test_errors_name_the_option(words, error):
    with pytest.raises(ValueError, match=error):
        Config(**words)
