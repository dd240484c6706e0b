from dataclasses import replace

import pytest
import torch

from graphdistill.generate.methods import sim
from graphdistill.generate.methods.sim import Config, ImplicitMatching
from tests.generate.methods.plane import context, linear_draw


def gradients(config, draw):
    """The gradient of the loss for each entry, by the chain rule with matrices."""
    found = []
    for x, noisy, y in zip(draw.x.detach(), draw.noisy.detach(), draw.y, strict=True):
        a, b = draw.critic.matrix, draw.teacher.matrix
        fake, real = a @ noisy + draw.critic.offsets[y], b @ noisy + draw.teacher.offsets[y]
        apart, eye = fake - real, torch.eye(2, dtype=x.dtype)
        if config.distance == "squared":
            scale = (x - real).abs().mean()
            slope = -(a - b).T @ (real - x) - (b - eye).T @ apart - 2 * config.alpha * (a - b).T @ apart
            found.append(slope / scale)
        else:
            length = (apart @ apart + 2 * config.c**2).sqrt()
            rest = fake - x
            slope = -((a - b).T @ rest + (a - eye).T @ apart) / length
            found.append(slope + (apart @ rest) * (a - b).T @ apart / length**3)
    return torch.stack(found) / len(found)


@pytest.mark.parametrize(
    "config", [Config(), Config(c=0.5), Config(distance="squared"), Config(distance="squared", alpha=1.0)], ids=repr
)
def test_the_gradient_flows_through_entries_and_both_networks(config):
    draw = linear_draw()
    ImplicitMatching(config).generator_loss(draw).backward()
    torch.testing.assert_close(draw.x.grad, gradients(config, draw))


def test_the_squared_distance_with_alpha_1_is_the_pseudo_huber_one_without_its_root():
    draw = linear_draw(count=1)
    squared = ImplicitMatching(Config(distance="squared", alpha=1.0)).generator_loss(draw)
    huber = ImplicitMatching(Config()).generator_loss(draw)
    real = draw.teacher(draw.noisy, draw.sigma, draw.y)
    length = (draw.critic(draw.noisy, draw.sigma, draw.y) - real).norm()
    torch.testing.assert_close(squared * (draw.x - real).abs().mean(), huber * length)


def test_the_mean_gradient_is_that_of_the_distance_of_scores():
    """The distance depends on the generator by its own score, which the method replaces by a frozen critic."""
    draws = torch.Generator().manual_seed(0)
    z, noise = torch.randn(2, 400_000, 1, generator=draws, dtype=torch.float64)
    sigma, c = 0.7, 0.5

    def denoiser(mean, deviation):
        """The exact one of a normal distribution."""
        return lambda x, *_: mean + deviation**2 / (deviation**2 + sigma**2) * (x - mean)

    teacher = denoiser(0.3, 0.4)
    drawn = torch.tensor([1.1, 0.6], dtype=torch.float64, requires_grad=True)  # mean and deviation
    # The score of what is drawn, at fixed noisy entries.
    noisy = (drawn[0] + drawn[1] * z + sigma * noise).detach()
    ((denoiser(*drawn)(noisy) - teacher(noisy)).square() + c**2).sqrt().mean().backward()
    expected, drawn.grad = drawn.grad, None

    x = drawn[0] + drawn[1] * z
    critic = denoiser(*drawn.detach())
    draw = replace(linear_draw(), x=x, noisy=x + sigma * noise, teacher=teacher, critic=critic)
    ImplicitMatching(Config(c=c)).generator_loss(draw).backward()
    torch.testing.assert_close(drawn.grad, expected, rtol=0.02, atol=2e-3)


@pytest.mark.parametrize("distance", ["pseudo-huber", "squared"])
def test_the_generator_is_finite_and_the_same_for_the_same_seed(distance):
    first, again = (sim.distill(context(steps=2), Config(distance=distance)) for _ in range(2))
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.isfinite(a).all()


def test_no_real_entries_are_read():
    setting = context(steps=1)
    nothing = replace(setting, entries=replace(setting.entries, z=torch.full_like(setting.entries.z, torch.nan)))
    assert all(bool(torch.isfinite(p).all()) for p in sim.distill(nothing, Config()).parameters())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"critic_steps": 0}, "--critic-steps must be 1 or more, got 0"),
        ({"c": -1.0}, "--c must be 0 or more, got -1.0"),
        ({"start": float("nan")}, "--start must be above 0, got nan"),
    ],
)
def test_bad_options_are_rejected(words, text):
    with pytest.raises(ValueError, match=text):
        Config(**words)
