import math

import pytest
import torch

from graphdistill.kd.losses.clipped import ClippedKL
from graphdistill.kd.losses.kl import KD
from tests.kd.losses.checks import check_errors, check_gradient, check_safe, check_values, kl, softmax

OPEN = (-math.inf, math.inf)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def naive(s, t, y):
    order = sorted(range(len(t)), key=lambda c: t[c])
    ranks = [order.index(c) / (len(t) - 1) for c in range(len(t))]
    gate = [1.0 if c == y else sigmoid(9 * (r - 0.3)) * sigmoid(9 * (0.8 - r)) for c, r in enumerate(ranks)]
    clipped = [[g * v for g, v in zip(gate, softmax(z, 2), strict=True)] for z in (t, s)]
    return 4 * kl(*[[v / sum(row) for v in row] for row in clipped])


def test_a_fixed_gate_is_the_naive_sum():
    check_values(ClippedKL(gate=(0.3, 0.8), kappa=9.0, temperature=2.0), naive)


@pytest.mark.parametrize("loss", [ClippedKL(gate=(0.3, 0.8)), ClippedKL(gate=OPEN)], ids=["fixed", "open"])
def test_what_holds_for_all_losses(loss):
    check_safe(loss)
    check_gradient(loss)
    check_errors(loss)


def test_an_open_gate_is_kd():
    s, t = torch.randn(2, 50, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 5
    torch.testing.assert_close(ClippedKL(gate=OPEN, temperature=3.0)(s, t), KD(3.0)(s, t), rtol=1e-12, atol=1e-14)


def test_a_learned_gate_is_safe_and_starts_nearly_open():
    for num_classes in (2, 3):
        check_safe(lambda s, t, y, c=num_classes: ClippedKL(s.shape[1]).to(s.dtype)(s, t, y))
    low, high = ClippedKL(5).band(torch.zeros(2, 5), torch.zeros(2, 5))
    assert (low < 0.01).all()
    assert (high > 0.98).all()


def test_the_gate_learns_and_keeps_its_width():
    draws = torch.Generator().manual_seed(0)
    s, t = torch.randn(2, 64, 10, generator=draws) * 2
    loss = ClippedKL(10, min_width=0.4, seed=1)
    adam = torch.optim.Adam(loss.parameters(), lr=0.05)
    first = loss(s, t).mean().item()
    for _ in range(100):
        adam.zero_grad()
        loss(s, t).mean().backward()
        adam.step()
    low, high = loss.band(s, t)
    assert loss(s, t).mean().item() < first
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (high - low >= 0.4 - 1e-6).all()


def test_the_first_weights_come_from_the_seed():
    first, again, other = (ClippedKL(4, seed=seed).state_dict()["mlp.0.weight"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, r"a learned gate needs num_classes, got None; give it, or a fixed gate"),
        ({"num_classes": 1}, "num_classes must be 2 or more, got 1"),
        ({"num_classes": 3, "hidden": 0}, "hidden must be 1 or more, got 0"),
        ({"gate": (0.5, 0.5)}, r"gate must be \(low, high\) with low below high, got \(0.5, 0.5\)"),
        ({"gate": OPEN, "kappa": 0}, "kappa must be above 0, got 0"),
        ({"gate": OPEN, "min_width": 2}, "min_width must be at most 1, got 2"),
    ],
)
def test_arguments_are_checked(options, match):
    with pytest.raises(ValueError, match=match):
        ClippedKL(**options)
