import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from graphdistill.mirage.shards.minimise import minimise


def logistic(x, y):
    def evaluate(w):
        margin = w @ x.T
        value = np.logaddexp(0, -y * margin).sum(axis=1) + 0.5 * (w**2).sum(axis=1)
        return value, (-y * expit(-y * margin)) @ x + w

    return evaluate


@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0])
def test_it_finds_the_minima_of_scipy_even_with_a_bad_conditioner(scale):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 6)) * np.array([1, 10, 0.1, 3, 1, 1])
    y = np.sign(x[:, :3] @ draw.normal(size=3) + draw.normal(size=200))
    both = np.stack([y, -y * np.sign(x[:, 3])])
    evaluate = logistic(x, both)
    found = minimise(evaluate, np.zeros((2, 6)), lambda g: scale * g, tolerance=1e-12)
    for c in range(2):
        one = logistic(x, both[c : c + 1])
        best = minimize(lambda w: tuple(v[0] for v in one(w[None])), np.zeros(6), jac=True, tol=1e-12)  # noqa: B023
        assert np.allclose(found[c], best.x, atol=1e-4)


def test_it_counts_passes_and_stops_at_the_minimum():
    notes = []
    target = np.array([[3.0, -1.0]])
    evaluate = lambda w: (1 + ((w - target) ** 2).sum(axis=1), 2 * (w - target))  # noqa: E731
    assert np.allclose(minimise(evaluate, np.zeros((1, 2)), lambda g: g / 2, note=notes.append), target)
    assert notes == ["pass 1: loss 11", "pass 2: loss 1"]
