"""PARC: how well a network's features suit a task, from a few labelled entries."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional as F


def parc(features: Tensor, y: Tensor) -> float:
    r"""Pairwise annotation representation comparison: whether entries of one class have like features.

    .. math:: e = \rho\Big(\big(1 - \mathrm{corr}(h_i, h_j)\big)_{i<j},\,
        \big(1 - \mathrm{corr}(o_i, o_j)\big)_{i<j}\Big)

    with Spearman's :math:`\rho`, features :math:`h_i` and labels :math:`o_i` as one-hot vectors. Bolya et al., NeurIPS
    2021, who also project the features on their first principal components; here they stay as they are.

    Args:
        features: float ``[n, d]`` of the probe.
        y: its classes, long ``[n]``.

    Returns:
        From -1 to 1, the higher the more relevant; 0 where all features are alike.

    Raises:
        ValueError: the probe has fewer than three entries or fewer than two classes, or the rows are not as many.

    Example:
        >>> h = torch.tensor([[1.0, 0.0, 0.1], [1.0, 0.1, 0.0], [0.0, 0.9, 1.0], [0.1, 1.0, 1.0]])
        >>> parc(h, torch.tensor([0, 0, 1, 1])) > parc(h, torch.tensor([0, 1, 0, 1]))
        True
    """
    if len(features) != len(y):
        raise ValueError(f"features have {len(features)} rows for {len(y)} labels")
    if len(y) < 3 or len(y.unique()) < 2:
        found = "is empty" if not len(y) else f"has {len(y)} labelled entries of {len(y.unique())} classes"
        raise ValueError(f"the probe {found}; give 3 or more labelled entries of 2 or more classes")
    one_hot = F.one_hot(y.cpu().unique(return_inverse=True)[1])
    return spearman(*(_dissimilarities(rows.cpu().double().flatten(1)) for rows in (features, one_hot)))


def _dissimilarities(rows: Tensor) -> Tensor:
    """1 - Pearson correlation of each pair of rows; 1 where a row is constant."""
    centred = rows - rows.mean(1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    # A constant row is not exactly 0 after rounding.
    unit = torch.where(length > 1e-12 * rows.abs().amax(1, keepdim=True), centred / length, 0)
    upper = torch.triu_indices(len(rows), len(rows), 1)
    # Rounding must not order pairs that are equal.
    pairs: Tensor = (1 - unit @ unit.T)[upper[0], upper[1]]
    return pairs.round(decimals=12)


def spearman(a: Tensor, b: Tensor) -> float:
    """Spearman's rank correlation, with mean ranks of equal values; 0 where one of both is constant.

    Example:
        >>> round(spearman(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 9.0, 16.0])), 6)
        1.0
    """
    if len(a.unique()) < 2 or len(b.unique()) < 2:
        return 0.0
    return float(spearmanr(a.numpy(), b.numpy()).statistic)


def task_weights(relevance: Sequence[float], power: float) -> Tensor:
    r"""Weights of sources by their relevance.

    .. math:: \alpha_s \propto \max(e_s, 0)^p

    Args:
        relevance: e, such as of :func:`parc`.
        power: p, 0 or more: 0 gives equal weights to all that are above 0.

    Returns:
        Double ``[S]``, with sum 1; equal weights where no relevance is above 0.

    Example:
        >>> task_weights([0.4, 0.2, -0.3], 2.0).tolist()
        [0.8, 0.2, 0.0]
    """
    e = torch.tensor(list(relevance), dtype=torch.double)
    weight = torch.where(e > 0, e.clamp(min=0) ** power, 0.0)
    return weight / weight.sum() if weight.sum() > 0 else torch.full_like(e, 1 / len(e))
