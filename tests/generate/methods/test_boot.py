import pytest
import torch

from graphdistill.generate.methods.boot import Config, bootstrapped, distill
from tests.generate.mixture import context, drawn, exact, path


def signals(step, count=60):
    """Exact signals at a level and at the next, and the bootstrapped one."""
    draws = torch.Generator().manual_seed(0)
    noise, y = torch.randn(count, 2, generator=draws), torch.arange(count) % 3
    t = 0.2 + 3 * torch.rand(count, generator=draws)
    s, start = t * (1 - step), torch.full((count,), 10.0)
    signal = [path(10 * noise, start, level, y) - level[:, None] * noise for level in (t, s)]
    return signal, bootstrapped(exact(), signal[0], noise, y, (t, s))


def test_a_step_from_the_exact_signal_errs_by_its_square():
    errors = []
    for step in (0.1, 0.05):
        (_, expected), found = signals(step)
        errors.append(float((found - expected).norm()))
    assert 3.3 < errors[0] / errors[1] < 4.7


def test_a_step_down_to_no_noise_is_the_teacher():
    ctx = context()
    noise, y, t = torch.randn(6, 2), torch.arange(6) % 3, torch.full((6,), 0.7)
    signal = torch.rand(6, 2)
    found = bootstrapped(ctx.teacher, signal, noise, y, (t, torch.zeros(6)), 1.5)
    torch.testing.assert_close(found, ctx.teacher.guided(signal + 0.7 * noise, t, y, 1.5))


def test_the_first_update_follows_the_weighted_loss():
    """With decays of 0 the first step of Adam is the sign of the gradient."""
    ctx = context(steps=1, ema=0.0)
    config = Config(updates=1, most=5.0, stride=0.02)
    teacher, draws = ctx.teacher, ctx.stream("bootstrapping")
    student = teacher.copy()
    y = ctx.labels((), draws)
    noise = torch.randn(16, 2, generator=draws)
    place = torch.rand(16, generator=draws)
    total = torch.zeros(())
    for i in range(16):
        t, s = (10 * 0.001 ** min(1.0, float(place[i]) + offset) for offset in (0, 0.02))
        at = {"x": 10 * noise[i : i + 1], "sigma": 10.0, "y": y[i : i + 1]}
        with torch.no_grad():
            signal = student(**at, level=t)
            clean = teacher(signal + t * noise[i], torch.tensor([t]), y[i : i + 1])
            target = signal + (1 - s / t) * (clean - signal)
        error = (student(**at, level=s) - target).square().mean()
        total = total + min(5.0, (1 - s / t) ** -2) * error / 16
    total.backward()
    made = distill(ctx, config).models[0]
    for weight, before in zip(made.parameters(), student.parameters(), strict=True):
        if before.grad is not None:
            clear = before.grad.abs() > 1e-4
            moved = (weight - before)[clear]
            torch.testing.assert_close(moved, -3e-4 * before.grad[clear].sign(), atol=3e-6, rtol=0)


def test_no_entries_are_read_and_the_same_seed_gives_the_same_bytes():
    ctx = context()
    object.__setattr__(ctx.entries, "z", None)
    made = [distill(ctx, Config(updates=1)), distill(context(), Config(updates=1)), distill(context(1), Config())]
    assert torch.equal(drawn(made[0]), drawn(made[1]))
    assert not torch.equal(drawn(made[0]), drawn(made[2]))
    assert made[0].evaluations == 1


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"stride": 1.0}, "--stride must be between 0 and 1, got 1.0"),
        ({"boundary": -1.0}, "--boundary must be 0 or more, got -1.0"),
        ({"guidance": float("inf")}, "--guidance must be 0 or more, got inf"),
        ({"most": 0.0}, "--most must be above 0, got 0.0"),
        ({"start": float("nan")}, "--start must be above 0, got nan"),
        ({"lr_scale": 0.0}, "--lr-scale must be above 0, got 0.0"),
        ({"updates": 0}, "--updates must be 1 or more, got 0"),
    ],
)
def test_errors_name_the_option(words, error):
    with pytest.raises(ValueError, match=error):
        Config(**words)


def test_several_steps_and_a_start_without_a_path_are_rejected():
    with pytest.raises(ValueError, match="--sampling-steps must be 1 with boot, got 2"):
        distill(context(sampling_steps=2), Config())
    with pytest.raises(ValueError, match=r"--start must be above the teacher's least noise level 0.01, got 0.005"):
        distill(context(), Config(start=0.005))
