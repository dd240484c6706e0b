import math

import pytest
import torch

from graphdistill.kd.losses.jsd import JSD
from graphdistill.kd.losses.kl import KD, ReverseKL
from tests.kd.losses.checks import check_errors, check_gradient, check_safe, check_values, kl, softmax


def naive(s, t, y, beta=0.3):
    p, q = softmax(t, 2), softmax(s, 2)
    m = [beta * a + (1 - beta) * b for a, b in zip(p, q, strict=True)]
    return 4 * (beta * kl(p, m) + (1 - beta) * kl(q, m))


def test_it_is_the_naive_sum():
    check_values(JSD(0.3, 2.0), naive)


def test_what_holds_for_all_losses():
    check_safe(JSD(0.1, 2.0))
    check_gradient(JSD(0.1, 2.0))
    check_errors(JSD())


def test_symmetry_bound_and_limits():
    s, t = torch.randn(2, 50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(JSD()(s, t), JSD()(t, s))
    assert (JSD()(100 * s, 100 * t) <= math.log(2) + 1e-12).all()
    torch.testing.assert_close(JSD(1e-6)(s, t) / 1e-6, KD()(s, t), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(JSD(1 - 1e-6)(s, t) / 1e-6, ReverseKL()(s, t), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("beta", [0.0, 1.0, float("nan")])
def test_beta_is_checked(beta):
    with pytest.raises(ValueError, match=r"beta must be above 0 and below 1, got .*; its limits are KD \(0\)"):
        JSD(beta)
