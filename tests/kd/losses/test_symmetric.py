import pytest

from graphdistill.kd.losses import SymmetricKL
from tests.kd.losses.checks import check_safe, check_values, kl, softmax


def test_values_are_those_of_a_loop():
    def naive(student, teacher, _):
        p, q = softmax(teacher, 3.0), softmax(student, 3.0)
        return 9.0 * (kl(p, q) + kl(q, p)) / 2

    check_values(SymmetricKL(3.0), naive)


def test_extremes_are_finite():
    check_safe(SymmetricKL())


def test_the_temperature_is_checked():
    with pytest.raises(ValueError, match="temperature must be above 0, got 0"):
        SymmetricKL(0)
