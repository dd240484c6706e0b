r"""Logistic regression of soft labels on sparse features, such as counts of trees: the closed form of a linear student.

.. math:: \min_{W, b} \; C \sum_i c_i \, \mathrm{CE}\bigl(q_i, \mathrm{softmax}(W^\top x_i + b)\bigr)
    + \lVert W \rVert^2

with soft labels q and weights c. With two classes it is the binary logistic regression with
:math:`w = W_1 - W_0` and the penalty :math:`\tfrac12 \lVert w \rVert^2`, as scikit-learn has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse as sp
import torch
from scipy.special import log_softmax
from torch import Tensor

MAX_ITERATIONS = 200
"""Iterations of L-BFGS; the validation score of molecules no longer moves after about half of them."""


def fit_soft_regression(
    x: sp.csr_matrix, target: Tensor, weight: Tensor | None = None, *, strength: float = 0.1
) -> tuple[Tensor, Tensor]:
    """Weights and intercepts that are best for soft labels, by L-BFGS (Liu and Nocedal, 1989) from zero.

    Args:
        x: features, ``[n, d]``.
        target: probabilities of the classes, float ``[n, C]``.
        weight: weight of each row, float ``[n]``. (default: 1)
        strength: inverse regularization C. (default: 0.1, as of ``TreeCountRegression``)

    Returns:
        Weights, float ``[d, C]``, and intercepts, float ``[C]``.

    Example:
        >>> x = sp.csr_matrix(np.array([[0.0], [1.0]]))
        >>> weights, intercepts = fit_soft_regression(x, torch.tensor([[0.9, 0.1], [0.1, 0.9]]), strength=1e6)
        >>> logits = torch.tensor(x.toarray()).float() @ weights + intercepts
        >>> [round(p, 3) for p in logits.softmax(dim=1)[:, 1].tolist()]
        [0.1, 0.9]
    """
    q = target.double().numpy()
    importance = np.ones(len(q)) if weight is None else weight.double().numpy()
    scale = strength * importance[:, None]
    transposed, shape = x.T.tocsr(), (x.shape[1] + 1, q.shape[1])

    def loss(flat: Any) -> tuple[float, Any]:
        both = flat.reshape(shape)
        log_p = log_softmax(x @ both[:-1] + both[-1], axis=1)
        slope = scale * (np.exp(log_p) * q.sum(axis=1, keepdims=True) - q)
        gradient = np.vstack([transposed @ slope + 2 * both[:-1], slope.sum(axis=0)])
        return float((scale * -q * log_p).sum() + np.square(both[:-1]).sum()), gradient.ravel()

    options = {"maxiter": MAX_ITERATIONS}
    found = scipy.optimize.minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options)
    both = torch.from_numpy(found.x.reshape(shape)).float()
    return both[:-1], both[-1]
