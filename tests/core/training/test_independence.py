import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.training.independence import distance_correlation, distance_covariance


def naive(x, y):
    """Squared distance covariance without bias by its definition, one pair after another."""
    n = len(x)

    def centred(v):
        a = [[float(np.linalg.norm(v[i] - v[j])) for j in range(n)] for i in range(n)]
        rows = [sum(row) for row in a]
        whole = sum(rows) / ((n - 1) * (n - 2))
        return [
            [a[i][j] - rows[i] / (n - 2) - rows[j] / (n - 2) + whole if i != j else 0 for j in range(n)]
            for i in range(n)
        ]

    a, b = centred(x), centred(y)
    return sum(a[i][j] * b[i][j] for i in range(n) for j in range(n)) / (n * (n - 3))


def drawn(n, p, q, seed=0):
    draw = np.random.default_rng(seed)
    return draw.standard_normal((n, p)), draw.standard_normal((n, q))


@pytest.mark.parametrize(("n", "p", "q"), [(4, 1, 1), (7, 1, 2), (12, 3, 1)])
def test_it_is_the_covariance_of_the_definition(n, p, q):
    x, y = drawn(n, p, q)
    assert distance_covariance(torch.tensor(x), torch.tensor(y)).item() == pytest.approx(naive(x, y), abs=1e-12)
    expected = naive(x, y) / np.sqrt(naive(x, x) * naive(y, y))
    assert distance_correlation(torch.tensor(x), torch.tensor(y)).item() == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 99), st.floats(0.1, 10), st.floats(-5, 5))
def test_units_places_and_rotations_do_not_change_the_correlation(seed, scale, shift):
    x, y = map(torch.tensor, drawn(9, 2, 2, seed))
    turn = torch.linalg.qr(torch.tensor(drawn(2, 2, 2, seed)[0])).Q
    found = distance_correlation(x, y).item()
    assert found <= 1 + 1e-9
    assert distance_correlation(scale * x @ turn + shift, y).item() == pytest.approx(found, rel=1e-6, abs=1e-9)


def test_independent_samples_have_0_in_the_mean_and_dependent_ones_more():
    found = [distance_correlation(*map(torch.tensor, drawn(30, 4, 2, seed))).item() for seed in range(200)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found)) < 0.02
    x = torch.linspace(-1, 1, 20)[:, None]
    # Not a straight line, where the usual correlation is 0.
    assert distance_correlation(x, x.square()).item() > 0.1
    assert distance_correlation(x, 3 - 2 * x).item() == pytest.approx(1)
    assert distance_correlation(x, torch.ones_like(x)).item() == 0


def test_the_gradient_is_that_of_the_value():
    x, y = (torch.tensor(part) for part in drawn(6, 2, 1))
    x.requires_grad_()
    torch.autograd.gradcheck(lambda x: distance_correlation(x, y), x)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (
            torch.rand(5, 1),
            torch.rand(4, 1),
            r"y is \[4, 1\]; x and y are float \[n, p\] and \[n, q\] of the same n of 4",
        ),
        (torch.rand(5), torch.rand(5, 1), r"x is \[5\];"),
        (torch.rand(3, 1), torch.rand(3, 1), r"x is \[3, 1\];"),
    ],
)
def test_samples_that_cannot_be_compared(x, y, message):
    with pytest.raises(ValueError, match=message):
        distance_covariance(x, y)
