import copy
import math

import pytest
import torch

from graphdistill.generate.trajectories import carry, follow, pseudo_huber, train_student
from tests.generate.mixture import context, exact, path


def noisy(count=50):
    draws = torch.Generator().manual_seed(1)
    y, t = torch.arange(count) % 3, 0.1 + 3 * torch.rand(count, generator=draws)
    return t[:, None] * torch.randn(count, 2, generator=draws), t, y


def test_a_step_of_the_path_is_exact_to_the_third_order():
    x, t, y = noisy()
    errors = [float((follow(exact(), x, t, r * t, y) - path(x, t, r * t, y)).norm()) for r in (0.8, 0.9)]
    assert 7 < errors[0] / errors[1] < 11


def test_many_small_steps_reach_the_end_of_the_path():
    x, t, y = noisy()
    at = x
    for step in range(200):
        before, after = (t * math.exp(-0.02 * (step + done)) for done in (0, 1))
        at = follow(exact(), at, before, after, y)
    torch.testing.assert_close(at, path(x, t, t * math.exp(-4), y), atol=1e-4, rtol=1e-4)


def test_entries_carried_to_their_own_level_stay_and_to_none_are_clean():
    x, t, y = noisy()
    clean = exact()(x, t, y)
    torch.testing.assert_close(carry(x, clean, t, t), x)
    torch.testing.assert_close(carry(x, clean, t, torch.zeros_like(t)), clean)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_training_is_adam_with_a_cosine_and_the_mean_of_weights(scale):
    ctx = context(lr=0.01, ema=0.5)
    student, expected = ctx.teacher.copy(), ctx.teacher.copy()
    x, t, y = noisy()

    def loss(model, step):
        return (model(x, t, y) - step).square().mean()

    optimizer = torch.optim.Adam(expected.parameters(), lr=scale * 0.01, betas=(0.9, 0.99))
    mean = copy.deepcopy(expected.state_dict())
    for step in range(1, 4):
        optimizer.param_groups[0]["lr"] = scale * 0.01 * (0.1 + 0.9 * (1 + math.cos(math.pi * (step - 1) / 3)) / 2)
        optimizer.zero_grad()
        loss(expected, step).backward()
        optimizer.step()
        share = 1 - min(0.5, step / (step + 10))
        mean = {name: torch.lerp(mean[name], value, share) for name, value in expected.state_dict().items()}
    found = train_student(ctx, student, lambda step: loss(student, step), steps=3, lr_scale=scale)
    for name, value in found.state_dict().items():
        torch.testing.assert_close(value, mean[name])
    torch.testing.assert_close(student.state_dict(), expected.state_dict())


def test_guidance_is_that_of_the_denoiser():
    ctx = context()
    x, t, y = noisy()
    with torch.no_grad():
        clean = ctx.teacher.guided(x, t, y, 2.0)
        moved = carry(x, clean, t, t / 2)
        after = ctx.teacher.guided(moved, t / 2, y, 2.0)
        slope = ((x - clean) / t[:, None] + (moved - after) / (t / 2)[:, None]) / 2
    torch.testing.assert_close(follow(ctx.teacher, x, t, t / 2, y, guidance=2.0), x - (t / 2)[:, None] * slope)


def test_the_distance_is_squared_near_and_a_norm_far_away():
    near, far = 1e-3 * torch.randn(4, 3, 2).double(), 1e4 * torch.randn(4, 3, 2).double()
    c = 0.1 * 6**0.5
    torch.testing.assert_close(pseudo_huber(near, 0.1), near.square().sum((1, 2)) / (2 * c), rtol=1e-3, atol=0)
    torch.testing.assert_close(pseudo_huber(far, 0.1), far.norm(dim=(1, 2)) - c, rtol=1e-3, atol=0)
