import pytest
import torch

from graphdistill.kd.losses.balanced import BalancedKD
from graphdistill.kd.losses.kl import KD, ReverseKL
from tests.kd.losses.checks import check_errors, check_gradient, check_safe, check_values, entropy, kl, softmax


def naive(s, t, y):
    p, q = softmax(t, 2), softmax(s, 2)
    # Entropies of equal distributions are compared up to rounding, but then both directions are 0.
    forward, reverse = (3, 1) if entropy(q) < entropy(p) else (1, 3)
    return 4 * (forward * kl(p, q) + reverse * kl(q, p))


def test_it_is_the_naive_sum():
    s, t = torch.randn(2, 200, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    want = [naive(a, b, 0) for a, b in zip(s.tolist(), t.tolist(), strict=True)]
    torch.testing.assert_close(BalancedKD(3.0, 2.0)(s, t), torch.tensor(want, dtype=torch.float64))


def test_what_holds_for_all_losses():
    check_safe(BalancedKD(temperature=2.0))
    check_gradient(BalancedKD(temperature=2.0))
    check_errors(BalancedKD())


def test_without_delta_it_is_the_sum_of_both_directions():
    check_values(BalancedKD(1.0), lambda s, t, y: kl(softmax(t), softmax(s)) + kl(softmax(s), softmax(t)))


def test_an_overconfident_student_gets_more_forward_kl():
    confident, unsure = torch.tensor([[5.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    want = 2 * KD()(confident, unsure) + ReverseKL()(confident, unsure)
    torch.testing.assert_close(BalancedKD(2.0)(confident, unsure), want)
    want = KD()(unsure, confident) + 2 * ReverseKL()(unsure, confident)
    torch.testing.assert_close(BalancedKD(2.0)(unsure, confident), want)


def test_delta_is_checked():
    with pytest.raises(ValueError, match=r"delta must be 1 or more, got 0\.5"):
        BalancedKD(0.5)
