import pytest
import torch

from graphdistill.kd.losses.dkd import DKD
from graphdistill.kd.losses.kl import KD
from tests.kd.losses.checks import check_errors, check_gradient, check_safe, check_values, kl, softmax


def naive(s, t, y):
    p, q = softmax(t, 2), softmax(s, 2)
    rest = [[z for c, z in enumerate(row) if c != y] for row in (t, s)]
    binary = [[row[y], sum(v for c, v in enumerate(row) if c != y)] for row in (p, q)]
    return 4 * (0.5 * kl(*binary) + 3 * kl(softmax(rest[0], 2), softmax(rest[1], 2)))


def test_it_is_the_naive_sum():
    check_values(DKD(0.5, 3.0, 2.0), naive)


def test_what_holds_for_all_losses():
    check_safe(DKD(temperature=2.0))
    check_gradient(DKD(temperature=2.0))
    check_errors(DKD())


def test_the_parts_make_up_kl():
    s, t = torch.randn(2, 20, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.arange(20) % 5
    rest = 1 - t.softmax(-1).gather(1, y[:, None])[:, 0]
    torch.testing.assert_close(DKD(1, 0)(s, t, y) + rest * DKD(0, 1)(s, t, y), KD()(s, t))


def test_of_two_classes_only_the_first_part_is_left():
    s, t = torch.randn(2, 20, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(DKD(1, 8)(s, t), KD()(s, t))


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_weights_are_checked(name):
    with pytest.raises(ValueError, match=f"{name} must be 0 or more, got -1"):
        DKD(**{name: -1})
