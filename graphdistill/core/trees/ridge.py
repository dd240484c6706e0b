"""Ridge regression on sparse features, with the regularization that is best on validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import Ridge
from torch import Tensor

ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Strengths of the regularization that are tried."""
TOLERANCE = 1e-6
"""Relative residual at which the conjugate gradients stop."""


def fit_ridge(
    x: sp.csr_matrix, y: Tensor, valid: tuple[sp.csr_matrix, Tensor] | None = None, alphas: Sequence[float] = ALPHAS
) -> np.ndarray[Any, np.dtype[np.float64]]:
    r"""Least squares with a penalty on the weights, for each target on its own.

    .. math:: \min_{w, b} \sum_i (w^\top x_i + b - y_i)^2 + \alpha \lVert w \rVert^2

    Hoerl and Kennard, Technometrics 1970, https://doi.org/10.1080/00401706.1970.10488634.

    Args:
        x: features, ``[n, d]``.
        y: targets, float ``[n, T]`` with NaN for unknown ones, which are left out.
        valid: features and targets on which :math:`\alpha` has the least squared error. (default: the middle strength)
        alphas: strengths that are tried, in ascending order. (default: ``ALPHAS``)

    Returns:
        Weights and in the last row intercepts, float64 ``[d + 1, T]``; a target without known values has zeros.

    Example:
        >>> import torch
        >>> x = sp.csr_matrix(np.array([[0.0], [1.0], [2.0]]))
        >>> fit_ridge(x, torch.tensor([[1.0], [3.0], [5.0]]), alphas=[0.0]).round(3).tolist()
        [[2.0], [1.0]]
    """
    targets = y.double().numpy()
    out = np.zeros((x.shape[1] + 1, targets.shape[1]))
    for column, target in enumerate(targets.T):
        known = ~np.isnan(target)
        if not known.any():
            continue
        out[-1, column] = target[known].mean()
        if not x.shape[1]:
            continue
        held_out = None
        if valid is not None and not np.isnan(truth := valid[1][:, column].double().numpy()).all():
            held_out = valid[0][~np.isnan(truth)], truth[~np.isnan(truth)]
        best = np.inf
        for alpha in alphas if held_out is not None else alphas[len(alphas) // 2 :][:1]:
            model = Ridge(alpha=alpha, solver="sparse_cg", tol=TOLERANCE).fit(x[known], target[known])
            loss = 0.0 if held_out is None else float(np.square(model.predict(held_out[0]) - held_out[1]).mean())
            if loss < best:
                best, out[:-1, column], out[-1, column] = loss, model.coef_, model.intercept_
    return out
