import math

import numpy as np
import pytest
import torch
from scipy import integrate

from graphdistill.core.randomness import generator
from graphdistill.generate.mixture import MixtureDenoiser, mode_errors, ring, table_of
from graphdistill.generate.sampling import sample_ode


@pytest.mark.parametrize("sigma", [0.1, 0.7, 3.0])
@pytest.mark.parametrize("y", [0, 1, None])
def test_the_mean_of_the_clean_entry_is_that_of_numerical_integration(sigma, y):
    means, classes, deviation, x = [-1.0, 0.2, 1.5], [0, 1, 0], 0.3, 0.4
    mixture = MixtureDenoiser(torch.tensor(means)[:, None], torch.tensor(classes), deviation)
    chosen = [m for m, c in zip(means, classes, strict=True) if y is None or c == y]

    def joint(clean):
        prior = sum(math.exp(-((clean - m) ** 2) / (2 * deviation**2)) for m in chosen)
        return prior * math.exp(-((x - clean) ** 2) / (2 * sigma**2))

    grid = np.linspace(-4, 5, 20001)
    weights = np.array([joint(clean) for clean in grid])
    expected = integrate.simpson(weights * grid, x=grid) / integrate.simpson(weights, x=grid)
    label = None if y is None else torch.tensor([y])
    assert mixture(torch.tensor([[x]]), sigma, label).item() == pytest.approx(expected, abs=1e-5)


def test_the_differential_equation_of_the_exact_denoiser_draws_the_mixture():
    mixture = ring()
    y = torch.arange(4).repeat(200)
    for x in (mixture.draw(y, generator(0, "x")), sample_ode(mixture, y, 25, generator=generator(0, "ode"))):
        found, error, astray = mode_errors(mixture, x, y)
        assert found == 1.0
        assert error < 0.06
        assert astray < 0.01
    assert table_of(mixture).x.std().item() == pytest.approx(0.5, abs=0.01)


def test_what_is_missing_is_counted():
    mixture = ring()
    y = torch.arange(4).repeat(50)
    one = mixture.network.means[2 * y]  # the first of two components of each class
    assert mode_errors(mixture, one, y) == (0.5, 0.5, 0.0)
    assert mode_errors(mixture, torch.zeros(200, 2), y) == (0.0, 0.5, 1.0)


def test_a_copy_is_a_network_that_learns_the_outputs():
    mixture = ring()
    mixture.steps = 150
    made, x = mixture.copy(), torch.randn(256, 2, generator=generator(0, "x"))
    y = torch.arange(256) % 4
    error = (made(x, 1.0, y) - mixture(x, 1.0, y)).square().mean()
    assert error < 0.1 * mixture(x, 1.0, y).square().mean()
    assert made is not mixture.copy()
    assert torch.equal(made(x, 1.0, y), mixture.copy()(x, 1.0, y))
