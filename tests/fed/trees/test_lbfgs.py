import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from fed.trees.lbfgs import Lbfgs, Point

DRAWS = np.random.default_rng(0)
X, Y = DRAWS.normal(size=(60, 8)) * [1, 1, 1, 3, 3, 0.1, 9, 1], (DRAWS.random(60) < 0.4).astype(int)
PENALTY = np.append(np.ones(8), 0.0)


def logistic(w, dtype=np.float64):
    z = X @ w[:-1] + w[-1]
    slope = expit(z) - Y
    gradient = np.append(X.T @ slope, slope.sum()).astype(dtype).astype(np.float64)
    rounding = np.finfo(dtype).eps / 2 * float(np.linalg.norm(gradient))
    return Point(w, float((np.logaddexp(0, z) - Y * z).sum()), gradient, rounding)


def central(strength):
    model = LogisticRegression(C=strength, solver="newton-cg", tol=1e-12, max_iter=500).fit(X, Y)
    return np.append(model.coef_[0], model.intercept_)


def test_a_path_of_strengths_ends_at_each_optimum_and_learns_from_those_before():
    solver, strengths, used = Lbfgs(logistic, PENALTY), (0.01, 0.03, 0.1, 0.3), []
    here = logistic(np.zeros(9))
    for strength in strengths:
        before = solver.evaluations
        here = solver.minimise(here, strength, 1e-8)
        used.append(solver.evaluations - before)
        np.testing.assert_allclose(here.w, central(strength), atol=1e-7)
    alone = Lbfgs(logistic, PENALTY)
    alone.minimise(logistic(np.zeros(9)), strengths[-1], 1e-8)
    assert used[-1] < alone.evaluations


def test_gradients_of_few_digits_end_where_rounding_hides_progress():
    solver = Lbfgs(lambda w: logistic(w, np.float32), PENALTY)
    here = solver.minimise(logistic(np.zeros(9)), 0.3, 0.0)
    np.testing.assert_allclose(here.w, central(0.3), atol=1e-6)
    assert solver.evaluations < 100


def test_at_the_limit_it_returns_the_best_so_far():
    solver = Lbfgs(logistic, PENALTY, limit=12)
    start = logistic(np.zeros(9))
    here = solver.minimise(start, 0.3, 1e-8)
    assert solver.evaluations == 12
    assert here.loss < start.loss
    assert solver.minimise(here, 0.3, 1e-8) is here


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=5), st.floats(0.01, 10))
def test_of_a_quadratic_it_finds_the_closed_form(curvatures, strength):
    h = np.array(curvatures)

    def quadratic(w):
        return Point(w, 0.5 * float(h @ (w - 1) ** 2), h * (w - 1))

    solver = Lbfgs(quadratic, np.ones(len(h)))
    found = solver.minimise(quadratic(0 * h), strength, 1e-9).w
    np.testing.assert_allclose(found, strength * h / (strength * h + 1), atol=1e-7)


@pytest.mark.parametrize("lie", [np.nan, 1e9])
def test_losses_that_never_fall_end_it(lie):
    solver = Lbfgs(lambda w: Point(w, lie, np.ones(9)), PENALTY)
    start = logistic(np.zeros(9))
    assert solver.minimise(start, 0.3, 1e-8) is start
