from dataclasses import replace

import pytest
import torch

from graphdistill.generate.adapters import adapter_state
from graphdistill.generate.methods import swiftbrush
from graphdistill.generate.methods.swiftbrush import Config, VariationalScores
from tests.generate.methods.plane import context, linear_draw


@pytest.mark.parametrize("guidance", [0.0, 1.5])
def test_the_gradient_is_the_weighted_difference_of_predicted_noises(guidance):
    """As in the paper: noise predictions where entries and noise are scaled to a variance of one."""
    draw = linear_draw()
    VariationalScores(guidance).generator_loss(draw).backward()
    for i in range(5):
        noisy, sigma, y = draw.noisy[i].detach(), draw.sigma[i], draw.y[i]

        def noise(denoiser, noisy=noisy, sigma=sigma, y=y):
            plain = denoiser.matrix @ noisy + denoiser.offsets[-1]
            known = denoiser.matrix @ noisy + denoiser.offsets[y]
            return (noisy - (known + guidance * (known - plain))) / sigma

        ratio = sigma / 0.5
        noise_share = ratio**2 / (1 + ratio**2)  # 1 minus the cumulative product of alphas
        direction = noise_share * (noise(draw.teacher) - noise(draw.critic))
        # Entries here have deviation 0.5, so that a predicted noise of the paper's unit is half of one here.
        torch.testing.assert_close(draw.x.grad[i], 0.5 * direction / 5)


def test_critic_and_teacher_that_agree_leave_the_generator():
    draw = linear_draw()
    VariationalScores(2.0).generator_loss(replace(draw, critic=draw.teacher)).backward()
    assert draw.x.grad.abs().max() == 0


def test_the_critic_is_the_teacher_with_adapters_which_alone_are_trained(monkeypatch):
    seen = []

    def distill_scores(setting, initial, levels, how):
        seen.append(how)

    monkeypatch.setattr(swiftbrush, "distill_scores", distill_scores)
    setting = context()
    swiftbrush.distill(setting, Config(rank=2))
    critic = seen[0].critic
    trained = {name for name, value in critic.named_parameters() if value.requires_grad}
    assert trained == set(adapter_state(critic))
    noisy, y = torch.ones(3, 2), torch.arange(3)
    torch.testing.assert_close(critic(noisy, 1.0, y), setting.teacher(noisy, 1.0, y))


def test_the_generator_is_the_same_for_the_same_seed_and_reads_no_real_entries():
    setting = context(steps=2, sampling_steps=2)
    nothing = replace(setting, entries=replace(setting.entries, z=torch.full_like(setting.entries.z, torch.nan)))
    first, again = (swiftbrush.distill(given, Config(rank=2)) for given in (setting, nothing))
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.isfinite(a).all()


def test_the_generator_moves_towards_guided_entries():
    """Guidance pushes away from the mean of all classes."""
    y = torch.zeros(200, dtype=torch.long)

    def place(guidance):
        setting = context(steps=40, lr=1e-3, batch_size=64, ema=0.9)
        made = swiftbrush.distill(setting, Config(rank=2, guidance=guidance, critic_steps=2))
        return made.draw(y, generator=torch.Generator().manual_seed(0)).mean(dim=0)

    assert not torch.allclose(place(0.0), place(4.0), atol=1e-3)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"rank": 0}, "--rank and --critic-steps must be 1 or more, got 0 and 5"),
        ({"critic_lr": 0.0}, "--critic-lr must be above 0, got 0.0"),
        ({"alpha": float("nan")}, "--alpha must be above 0, got nan"),
        ({"guidance": -1.0}, "--guidance must be 0 or more, got -1.0"),
        ({"hidden": 1.0}, "--hidden must be 0 or more and below 1, got 1.0"),
    ],
)
def test_bad_options_are_rejected(words, text):
    with pytest.raises(ValueError, match=text):
        Config(**words)
