import math

import pytest
import torch
from torch import nn

from graphdistill.generate.denoiser import Denoiser, add_noise
from graphdistill.generate.noise import NoiseSchedule
from tests.generate.samples import denoiser, two_moons


class Recorder(nn.Module):
    """A network that keeps what it gets."""

    shape, num_classes = (2,), 3

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, x, level, y, guidance=None):
        self.calls.append((x, level, y, guidance))
        return x.sin()


@pytest.mark.parametrize(("sigma", "edge"), [(0.3, 0.0), (4.0, 0.0), (4.0, 0.01), (0.02, 0.01)])
def test_inputs_and_outputs_of_the_network_are_scaled_as_in_the_paper(sigma, edge):
    net, data = Recorder(), 0.7
    model = Denoiser(net, NoiseSchedule(sigma_data=data), boundary=edge)
    x = torch.tensor([[0.5, -2.0], [1.0, 3.0]])
    found = model(x, sigma)
    given, level, y, _ = net.calls[0]
    root = math.sqrt(sigma**2 + data**2)
    torch.testing.assert_close(given, x / root)
    torch.testing.assert_close(level, torch.full((2,), math.log(sigma) / 4))
    assert y.tolist() == [3, 3]
    skip = data**2 / ((sigma - edge) ** 2 + data**2)
    torch.testing.assert_close(found, skip * x + data * (sigma - edge) / root * (x / root).sin())


def test_levels_may_differ_by_entry():
    model = denoiser()
    x, y = torch.randn(3, 2), torch.tensor([0, 1, 3])
    levels = torch.tensor([0.1, 1.0, 5.0])
    found = model(x, levels, y)
    for i in range(3):
        torch.testing.assert_close(model(x[i : i + 1], float(levels[i]), y[i : i + 1]), found[i : i + 1])
    torch.testing.assert_close(model(x, levels)[2], found[2])


def test_at_its_boundary_a_denoiser_is_the_identity():
    x = torch.randn(4, 2)
    assert torch.equal(denoiser(boundary=0.25)(x, 0.25, torch.zeros(4, dtype=torch.long)), x)


def test_guidance_is_a_difference_of_two_evaluations():
    net = Recorder()
    model = Denoiser(net)
    x, y = torch.randn(3, 2), torch.tensor([0, 1, 2])
    model.guided(x, 1.0, y, 0.0)
    assert len(net.calls) == 1
    model = denoiser()
    strength = torch.tensor([0.0, 0.5, 2.0])
    expected = model(x, 1.0, y) * (1 + strength)[:, None] - model(x, 1.0) * strength[:, None]
    torch.testing.assert_close(model.guided(x, 1.0, y, strength), expected)
    torch.testing.assert_close(model.guided(x, 1.0, y, 2.0)[2], expected[2])
    assert torch.equal(model.guided(x, 1.0, y, 0), model(x, 1.0, y))


def test_hidden_output_is_a_vector_for_each_entry():
    model = denoiser((1, 4, 4), config=type(denoiser().network.config)(network="mixer", width=8, depth=1))
    x, y = torch.randn(3, 1, 4, 4), torch.tensor([0, 1, 2])
    tokens = model.network.hidden(x / math.hypot(0.5, 0.5), torch.full((3,), math.log(0.5) / 4), y)
    assert tokens.shape == (3, 4, 8)
    torch.testing.assert_close(model.hidden(x, 0.5, y), tokens.mean(dim=1))
    assert denoiser().hidden(torch.randn(3, 2), 0.5).shape == (3, 8)


def test_a_copy_is_trained_and_the_frozen_one_is_not():
    model = denoiser().frozen()
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())
    copied = model.copy()
    assert all(weight.requires_grad for weight in copied.parameters())
    with torch.no_grad():
        copied.network.last.weight.zero_()
    assert bool(model.network.last.weight.any())
    assert (copied.shape, copied.num_classes, copied.schedule) == ((2,), 3, model.schedule)


def test_noise_has_the_level_of_each_entry():
    x = torch.full((4000, 2), 3.0)
    levels = torch.tensor([0.5, 2.0]).repeat(2000)
    noisy = add_noise(x, levels, torch.Generator().manual_seed(0))
    assert noisy[::2].std().item() == pytest.approx(0.5, rel=0.03)
    assert noisy[1::2].std().item() == pytest.approx(2.0, rel=0.03)
    assert noisy.mean().item() == pytest.approx(3.0, abs=0.05)
    assert torch.equal(noisy, add_noise(x, levels, torch.Generator().manual_seed(0)))
    assert torch.equal(add_noise(x, 0.5, torch.Generator().manual_seed(0))[::2], noisy[::2])


def test_the_exact_denoiser_has_the_score_of_the_density():
    exact, x = two_moons(), torch.randn(6, 2, dtype=torch.double, requires_grad=True)
    parts, sigma = exact.network, 0.4
    total = parts.deviations.double() ** 2 + sigma**2
    density = (-(x[:, None] - parts.means.double()).square().sum(dim=2) / (2 * total)).exp() / total
    (score,) = torch.autograd.grad(density.sum(dim=1).log().sum(), x)
    torch.testing.assert_close((exact(x, sigma) - x) / sigma**2, score, rtol=1e-5, atol=1e-5)
