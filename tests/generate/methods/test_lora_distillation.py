import copy

import pytest
import torch

from graphdistill.generate.adapters import add_adapters, extract_adapters, load_adapters, merge_adapters
from graphdistill.generate.methods.lora_distillation import Config, distill
from tests.generate.mixture import context, drawn


def noisy(count=300):
    draws = torch.Generator().manual_seed(0)
    y, t = torch.arange(count) % 3, 0.1 + 3 * torch.rand(count, generator=draws)
    return t[:, None] * torch.randn(count, 2, generator=draws), t, y


def test_one_evaluation_learns_the_guided_output():
    ctx = context(steps=150, batch_size=128)
    made = distill(ctx, Config(guidance=2.0))
    x, t, y = noisy()
    with torch.no_grad():
        target = ctx.teacher.guided(x, t, y, 2.0)
        before, after = ((model(x, t, y) - target).norm() for model in (ctx.teacher, made.models[0]))
    assert after < 0.3 * before


def test_the_teacher_stays_and_only_linear_layers_change_by_the_rank():
    ctx = context(sampling_steps=4)
    kept = copy.deepcopy(ctx.teacher.state_dict())
    made = distill(ctx, Config(rank=2))
    for name, value in ctx.teacher.state_dict().items():
        assert torch.equal(value, kept[name])
    state = made.models[0].state_dict()
    assert state.keys() == kept.keys()
    for name, value in state.items():
        change = (value - kept[name]).double()
        if change.dim() == 2 and "label" not in name:
            assert torch.linalg.matrix_rank(change, tol=1e-5) <= 2
        else:
            assert not change.any()
    assert {step.move for step in made.steps} == {"ode"}
    assert made.evaluations == 4


def test_adapters_alone_make_the_generator_where_the_teacher_is():
    ctx = context(steps=20)
    made = distill(ctx, Config(rank=3))
    sent = extract_adapters(made.models[0], ctx.teacher, 3)
    received = ctx.teacher.copy()
    add_adapters(received, 3)
    load_adapters(received, sent)
    merge_adapters(received)
    for name, value in made.models[0].state_dict().items():
        torch.testing.assert_close(received.state_dict()[name], value, atol=1e-5, rtol=1e-5)


def test_same_seed_same_bytes():
    made = [distill(context(seed), Config()) for seed in (0, 0, 1)]
    assert torch.equal(drawn(made[0]), drawn(made[1]))
    assert not torch.equal(drawn(made[0]), drawn(made[2]))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"guidance": -1.0}, "--guidance must be 0 or more, got -1.0"),
        ({"rank": 0}, "--rank must be 1 or more, got 0"),
        ({"lr_scale": 0.0}, "--lr-scale must be above 0, got 0.0"),
        ({"start": float("nan")}, "--start must be above 0, got nan"),
    ],
)
def test_errors_name_the_option(words, error):
    with pytest.raises(ValueError, match=error):
        Config(**words)
