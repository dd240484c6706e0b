from dataclasses import replace

import pytest
import torch

from graphdistill.core.randomness import scoped
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.methods.dmd2 import MatchScores
from graphdistill.generate.methods.sim import Config, ImplicitMatching
from graphdistill.generate.networks import NetworkConfig
from graphdistill.generate.scores import ScoreTraining, descend, distill_scores
from graphdistill.generate.teacher import denoising_loss
from tests.generate.methods.plane import SCHEDULE, context, mixture, tiny


class Recorder(MatchScores):
    """Keeps the draws."""

    def __init__(self):
        self.draws = []

    def generator_loss(self, draw):
        self.draws.append(draw)
        return super().generator_loss(draw)


def recorded(levels=(2.5,), setting=None, **words):
    objective = Recorder()
    setting = setting or context()
    made = distill_scores(setting, setting.teacher, levels, ScoreTraining(objective=objective, critic_steps=2, **words))
    return made, objective.draws


def weights(module):
    return torch.cat([value.detach().flatten() for value in module.parameters()])


def test_descending_has_the_direction_as_gradient():
    draws = torch.Generator().manual_seed(0)
    x, direction = torch.randn(2, 4, 3, 5, generator=draws)
    x.requires_grad_()
    descend(x, direction).backward()
    torch.testing.assert_close(x.grad, direction / 4)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others():
    first, again, other = (recorded(setting=context(seed))[0] for seed in (0, 0, 1))
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))


def test_the_teacher_stays_and_generator_and_critic_move():
    setting = context()
    before = weights(setting.teacher).clone()
    made, draws = recorded(setting=setting)
    assert torch.equal(weights(setting.teacher), before)
    assert not torch.equal(weights(made), before)
    assert not torch.equal(weights(draws[0].critic), before)


def test_entries_are_those_of_the_generator_with_noise_of_their_levels():
    _, draws = recorded(setting=context(steps=1, batch_size=4000))
    (draw,) = draws
    noise = (draw.noisy - draw.x) / draw.sigma[:, None]
    torch.testing.assert_close(noise.std(), torch.tensor(1.0), atol=0.03, rtol=0)
    assert draw.sigma.min() >= SCHEDULE.at(torch.tensor(0.9)) - 1e-6
    assert draw.sigma.max() <= SCHEDULE.sigma_max + 1e-4


def test_only_the_classes_that_are_asked_for_are_drawn():
    _, draws = recorded(classes=(0, 2))
    assert {label for draw in draws for label in draw.y.tolist()} == {0, 2}


def test_classes_of_the_teacher_are_overridden():
    _, draws = recorded(override={1: 2})
    for draw in draws:
        assert torch.equal(draw.target, torch.tensor([0, 2, 2])[draw.y])
    plain = recorded()[1][0]
    assert torch.equal(plain.target, plain.y)


def test_the_teacher_of_each_step_is_asked_for():
    teachers = {step: tiny(seed=step) for step in (1, 2, 3)}
    _, draws = recorded(teacher_at=teachers.__getitem__)
    assert [draw.teacher for draw in draws] == list(teachers.values())


def test_a_critic_that_has_its_class_hidden_learns_without_one():
    def unconditional(hidden):
        critic = tiny(1).copy()
        before = critic.network.condition.label.weight[3].detach().clone()
        recorded(critic=critic, hidden=hidden)
        return torch.equal(critic.network.condition.label.weight[3], before)

    assert unconditional(0.0)
    assert not unconditional(0.5)


def test_the_learning_rate_of_the_critic_is_its_own():
    def moved(critic_lr):
        critic = tiny(1).copy()
        before = weights(critic).clone()
        recorded(critic=critic, critic_lr=critic_lr, setting=context(steps=1))
        return float((weights(critic) - before).abs().max())

    assert moved(10.0) == pytest.approx(10 * moved(1.0), rel=0.5)


CALLS = []


class Recorded(Denoiser):
    """Keeps what it is called with, its copies too, in the order of the calls."""

    def forward(self, x, sigma, y=None, **words):
        out = super().forward(x, sigma, y, **words)
        CALLS.append((sigma, torch.is_grad_enabled(), x, out))
        return out


def test_a_step_gets_what_the_steps_before_it_drew():
    setting = context(steps=20, batch_size=2000, lr=1e-9)
    CALLS.clear()
    how = ScoreTraining(objective=MatchScores(), critic_steps=1, critic=tiny().copy())
    made = distill_scores(setting, Recorded(tiny().network, SCHEDULE), (2.5, 0.5), how)
    assert made.evaluations == 2
    later = [number for number, call in enumerate(CALLS) if call[0] == 0.5]
    assert 8 < len(later) < 32  # of 40, for generator and critic
    for number in later:
        (sigma, gradients, _, out), (_, _, x, _) = CALLS[number - 1 : number + 1]
        assert (sigma, gradients) == (2.5, False)
        torch.testing.assert_close((x - out).std(), torch.tensor(0.5), atol=0.03, rtol=0)


@pytest.fixture(scope="module")
def start():
    """A network that denoises the mixture roughly, as a generator in one step: one blob between the components."""
    with scoped(0, "start"):
        denoiser = Denoiser(NetworkConfig(width=32, depth=2).build((2,), 2), SCHEDULE)
    exact, draws = mixture(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(denoiser.parameters(), lr=3e-3)
    for _ in range(300):
        y = torch.randint(2, (128,), generator=draws)
        optimizer.zero_grad()
        denoising_loss(denoiser, exact.draw(y, draws)[0], y, draws).backward()
        optimizer.step()
    return denoiser.frozen()


PLACES = torch.tensor([[-0.7, 0.2], [0.4, 0.6], [0.5, -0.6]])


def masses(entries):
    """Share of entries by the nearest place, and the share that is within three deviations of it."""
    distance, nearest = torch.cdist(entries, PLACES).min(dim=1)
    return torch.bincount(nearest, minlength=3) / len(entries), float((distance < 3 * 0.12).float().mean())


@pytest.mark.parametrize("objective", [MatchScores(), ImplicitMatching(Config())], ids=["dmd2", "sim"])
def test_all_modes_of_an_exact_teacher_are_found_with_their_masses(start, objective):
    setting = context(teacher=mixture(), steps=150, batch_size=128, lr=1e-3, ema=0.9)
    y = torch.arange(2).repeat(2000)

    def drawn(steps):
        now = replace(setting, config=replace(setting.config, steps=steps))
        how = ScoreTraining(objective=objective, critic_steps=3, critic=start.copy())
        return distill_scores(now, start, (2.5,), how).draw(y, generator=torch.Generator().manual_seed(0))

    found = drawn(150)
    for label, expected in enumerate(([1 / 3, 2 / 3, 0.0], [0.0, 0.0, 1.0])):
        share, near = masses(found[y == label])
        assert near > 0.9
        torch.testing.assert_close(share, torch.tensor(expected), atol=0.1, rtol=0)
    assert masses(drawn(1)[y == 0])[1] < 0.7
