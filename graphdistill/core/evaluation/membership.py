"""Membership inference by a threshold on the loss: the weakest attack that a released model must withstand."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def membership_auc(members: Tensor, others: Tensor) -> tuple[float, float]:
    r"""ROC-AUC of a low loss as evidence of training membership (Yeom et al., CSF 2018, https://arxiv.org/abs/1709.01604).

    .. math:: AUC = P(\ell_{member} < \ell_{other}) + \tfrac{1}{2} P(\ell_{member} = \ell_{other})

    One half is chance. The error is that of Hanley and McNeil (Radiology, 1982).

    Args:
        members: losses of training entries, float ``[n]``.
        others: losses of similar entries outside the training set, float ``[m]``.

    Returns:
        The area under the curve and its standard error.

    Raises:
        ValueError: one of them is empty, or a loss is not finite.

    Example:
        >>> auc, error = membership_auc(torch.tensor([0.1, 0.2, 0.5]), torch.tensor([0.3, 0.5, 0.9]))
        >>> round(auc, 3), error > 0
        (0.833, True)
    """
    for name, losses in (("members", members), ("others", others)):
        if not len(losses) or not bool(losses.isfinite().all()):
            raise ValueError(f"{name} must be one finite loss or more, got {losses.tolist()[:5]}")
    ordered = others.sort().values
    below = torch.searchsorted(ordered, members.contiguous(), right=False)
    upto = torch.searchsorted(ordered, members.contiguous(), right=True)
    n, m = len(members), len(others)
    auc = float((2 * m - below - upto).double().sum()) / (2 * n * m)
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n - 1) * (one - auc**2) + (m - 1) * (two - auc**2)
    return auc, math.sqrt(max(0.0, variance) / (n * m))
