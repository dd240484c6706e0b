from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.linear_model import Ridge

from graphdistill.core.trees.ridge import ALPHAS, fit_ridge

DRAW = np.random.default_rng(0)
X = sp.csr_matrix(DRAW.poisson(0.4, (50, 12)).astype(float))
Y = torch.from_numpy(X.toarray() @ DRAW.normal(size=(12, 2)) + 3 + 0.5 * DRAW.normal(size=(50, 2))).float()
Y[::7, 1] = torch.nan


@pytest.mark.parametrize("alpha", [0.1, 1.0, 30.0])
def test_weights_are_those_of_the_normal_equations_on_known_targets(alpha: float) -> None:
    found = fit_ridge(X, Y, alphas=[alpha])
    for column, target in enumerate(Y.double().numpy().T):
        known = ~np.isnan(target)
        x, y = X.toarray()[known], target[known]
        centred = x - x.mean(axis=0)
        weights = np.linalg.solve(centred.T @ centred + alpha * np.eye(x.shape[1]), centred.T @ (y - y.mean()))
        np.testing.assert_allclose(found[:-1, column], weights, atol=1e-5)
        np.testing.assert_allclose(found[-1, column], y.mean() - x.mean(axis=0) @ weights, atol=1e-5)
        theirs = Ridge(alpha=alpha, solver="cholesky").fit(x, y)
        np.testing.assert_allclose(found[:-1, column], theirs.coef_, atol=1e-5)


def test_the_strength_of_each_target_is_the_best_on_validation() -> None:
    train, held_out = slice(0, 30), slice(30, 50)
    found = fit_ridge(X[train], Y[train], (X[held_out], Y[held_out]))
    for column, target in enumerate(Y.double().numpy().T):
        known, there = ~np.isnan(target[train]), ~np.isnan(target[held_out])
        losses = {}
        for alpha in ALPHAS:
            model = Ridge(alpha=alpha, solver="cholesky").fit(X.toarray()[train][known], target[train][known])
            error = model.predict(X.toarray()[held_out][there]) - target[held_out][there]
            losses[float(np.square(error).mean())] = model
        best = losses[min(losses)]
        np.testing.assert_allclose(found[:-1, column], best.coef_, atol=1e-5)


def test_without_features_known_targets_or_validation() -> None:
    assert fit_ridge(X[:, :0], Y)[0].tolist() == pytest.approx(Y.nanmean(dim=0).tolist())
    assert fit_ridge(X, torch.full((50, 1), torch.nan)).tolist() == [[0.0]] * 13
    middle = fit_ridge(X, Y, alphas=[ALPHAS[len(ALPHAS) // 2]])
    unknown = torch.full((50, 2), torch.nan)
    assert np.array_equal(fit_ridge(X, Y, (X, unknown)), middle)
    assert np.array_equal(fit_ridge(X, Y), middle)
