from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from graphdistill.generate.methods import dmd2
from graphdistill.generate.methods.dmd2 import Adversarial, Config, MatchScores
from tests.generate.methods.plane import context, linear_draw, tiny


def test_the_gradient_is_the_difference_of_the_scores_scaled_for_each_entry():
    draw = linear_draw()
    MatchScores().generator_loss(draw).backward()
    for i in range(5):
        x, noisy, y = draw.x[i].detach(), draw.noisy[i].detach(), draw.y[i]
        real = draw.teacher.matrix @ noisy + draw.teacher.offsets[y]
        fake = draw.critic.matrix @ noisy + draw.critic.offsets[y]
        torch.testing.assert_close(draw.x.grad[i], (fake - real) / (x - real).abs().mean() / 5)


def test_the_teacher_gets_the_classes_that_override():
    draw = linear_draw(override=0)
    MatchScores().generator_loss(draw).backward()
    real = draw.noisy[0].detach() @ draw.teacher.matrix.T + draw.teacher.offsets[0]
    fake = draw.noisy[0].detach() @ draw.critic.matrix.T + draw.critic.offsets[draw.y[0]]
    expected = (fake - real) / (draw.x[0].detach() - real).abs().mean() / 5
    torch.testing.assert_close(draw.x.grad[0], expected)


def test_critic_and_teacher_that_agree_leave_the_generator():
    draw = linear_draw()
    MatchScores().generator_loss(replace(draw, critic=draw.teacher)).backward()
    assert draw.x.grad.abs().max() == 0


def test_the_discriminator_adds_its_gradient_by_weight():
    def gradient(gan):
        objective = Adversarial(context(), Config(gan=gan))
        draw = linear_draw()
        x = draw.x.detach().float().requires_grad_()
        draw = replace(draw, x=x, noisy=x + 0.1, sigma=draw.sigma.float(), teacher=tiny(1), critic=objective.critic)
        objective.generator_loss(draw).backward()
        return x, draw, objective

    (x, draw, objective), (plain, *_) = gradient(0.5), gradient(0.0)
    again = x.detach().requires_grad_()
    logits = objective.head(objective.critic.hidden(again + 0.1, draw.sigma, draw.y))
    (-0.5 * F.logsigmoid(logits)).mean().backward()
    torch.testing.assert_close(x.grad - plain.grad, again.grad)


def test_the_discriminator_learns_to_tell_drawn_from_real_entries():
    objective = Adversarial(context(batch_size=64), Config(head=1.0))
    optimizer = torch.optim.Adam([*objective.critic.parameters(), *objective.head.parameters()], lr=1e-2)
    y = torch.zeros(64, dtype=torch.long)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = objective.critic_loss(torch.full((64, 2), 3.0), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("gan", [0.0, 0.1])
def test_the_generator_is_finite_and_the_same_for_the_same_seed(gan):
    first, again = (dmd2.distill(context(steps=2, sampling_steps=2), Config(gan=gan)) for _ in range(2))
    assert first.evaluations == 2
    assert first.steps[0].sigma == pytest.approx(2.5)
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.isfinite(a).all()


def test_real_entries_are_read_for_the_discriminator_alone():
    setting = context(steps=1)
    nothing = replace(setting, entries=replace(setting.entries, z=torch.full_like(setting.entries.z, torch.nan)))
    found = dmd2.distill(nothing, Config(gan=0.0))
    assert all(bool(torch.isfinite(p).all()) for p in found.parameters())


def test_match_draws_and_reads_only_the_classes_that_are_asked_for():
    setting = context(steps=2)
    z = setting.entries.z.clone()
    z[setting.entries.y == 1] = torch.nan
    made = dmd2.match(replace(setting, entries=replace(setting.entries, z=z)), Config(), setting.teacher, (0, 2))
    assert all(bool(torch.isfinite(p).all()) for p in made.parameters())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"critic_steps": 0}, "--critic-steps must be 1 or more, got 0"),
        ({"gan": -1.0}, r"--gan and --head must be 0 or more, got -1.0 and 0.01"),
        ({"start": 0.0}, r"--start must be above 0, got 0.0"),
    ],
)
def test_bad_options_are_rejected(words, text):
    with pytest.raises(ValueError, match=text):
        Config(**words)
