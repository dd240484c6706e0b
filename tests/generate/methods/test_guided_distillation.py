import pytest
import torch

from graphdistill.generate.methods.guided_distillation import Config, distill, two_in_one
from graphdistill.generate.trajectories import carry
from tests.generate.mixture import context, drawn, exact, path


def noisy(count=40):
    draws = torch.Generator().manual_seed(0)
    y, t = torch.arange(count) % 3, 0.2 + 3 * torch.rand(count, generator=draws)
    return t[:, None] * torch.randn(count, 2, generator=draws), y, t, 2 * torch.rand(count, generator=draws)


@pytest.mark.parametrize("last", [0.3, 0.0])
def test_one_step_with_the_target_ends_where_two_steps_do(last):
    network = context().teacher.copy()
    x, y, t, w = noisy()
    half = carry(x, network(x, t, y, guidance=w), t, 0.6 * t)
    end = carry(half, network(half, 0.6 * t, y, guidance=w), 0.6 * t, last * t)
    target = two_in_one(network, x, y, (t, 0.6 * t, last * t), w)
    torch.testing.assert_close(carry(x, target, t, last * t), end, atol=1e-5, rtol=1e-4)


def test_the_target_lies_on_the_exact_path_as_steps_become_small():
    x, y, t, w = noisy()
    errors = []
    for step in (0.2, 0.1):
        levels = t, t * (1 - step / 2), t * (1 - step)
        found = carry(x, two_in_one(exact(), x, y, levels, w), t, levels[2])
        errors.append(float((found - path(x, t, levels[2], y)).norm()))
    assert 3 < errors[0] / errors[1] < 5


@pytest.mark.parametrize(("count", "first", "trainings"), [(4, 16, 3), (1, 2, 2), (3, 4, 2), (8, 4, 2)])
def test_halving_ends_at_the_steps_that_are_asked_for(count, first, trainings, monkeypatch):
    from graphdistill.generate.methods import guided_distillation as module

    labels = []
    train = module.train_student
    monkeypatch.setattr(module, "train_student", lambda *a, **k: labels.append(k["label"]) or train(*a, **k))
    made = distill(context(sampling_steps=count), Config(first=first, guidance=0.5))
    assert labels[0] == "learning guidance"
    assert len(labels) == trainings
    assert labels[-1] == f"halving to {count}"
    assert made.evaluations == len(made.steps) == count
    assert {(step.guidance, step.embedded, step.move) for step in made.steps} == {(0.5, True, "ode")}


def test_guidance_is_learned_for_all_strengths():
    ctx = context(steps=250, batch_size=128, lr=1e-3, sampling_steps=8)
    made = distill(ctx, Config(first=2, most=2.0))
    x, y, t, w = noisy(300)
    with torch.no_grad():
        for strength in (0.0, 2.0):
            w = torch.full_like(t, strength)
            expected = ctx.teacher.guided(x, t, y, w)
            away = [float((made.models[0](x, t, y, guidance=g) - expected).norm()) for g in (w, 2 - w)]
            assert away[0] < 0.5 * away[1]


def test_same_seed_same_bytes():
    made = [distill(context(seed, sampling_steps=2), Config(first=2)) for seed in (0, 0, 1)]
    assert torch.equal(drawn(made[0]), drawn(made[1]))
    assert not torch.equal(drawn(made[0]), drawn(made[2]))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"guidance": 5.0}, "--guidance must be from 0 to --most, 1.0, got 5.0"),
        ({"guidance": -1.0}, "--guidance must be from 0 to --most, 1.0, got -1.0"),
        ({"first": 1}, "--first must be 2 or more, got 1"),
        ({"start": 0.0}, "--start must be above 0, got 0.0"),
        ({"lr_scale": 0.0}, "--lr-scale must be above 0, got 0.0"),
    ],
)
def test_errors_name_the_option(words, error):
    with pytest.raises(ValueError, match=error):
        Config(**words)
