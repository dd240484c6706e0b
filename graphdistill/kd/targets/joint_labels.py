r"""Joint labels of a class and a transformation, and the class that a network sees in all transformations together.

Shape legend: n entries, M transformations, C classes. The joint label of class y in transformation j is
:math:`y M + j`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def joint_labels(y: Tensor, number: int, count: int) -> Tensor:
    """Joint labels of entries in a transformation, long ``[n]``; -1 stays.

    Args:
        y: classes, long ``[n]``; -1 where there is none.
        number: number j of the transformation, from 0.
        count: number M of transformations.

    Example:
        >>> joint_labels(torch.tensor([0, 2, -1]), 1, 4).tolist()
        [1, 9, -1]
    """
    return torch.where(y < 0, y, y * count + number)


def aggregate(logits: Tensor) -> Tensor:
    r"""Logits of classes from the joint logits in all transformations, ``[n, C]``.

    .. math:: z_c = \frac{1}{M} \sum_j z^{(j)}_{c M + j}

    Lee et al., ICML 2020, https://arxiv.org/abs/1910.05872: each transformation answers with the logits of its own
    number, and their mean is as good as an ensemble.

    Args:
        logits: joint logits of every transformation, ``[M, n, C M]``.

    Example:
        >>> aggregate(torch.tensor([[[3.0, 9.0, 5.0, 9.0]], [[9.0, 1.0, 9.0, 7.0]]])).tolist()
        [[2.0, 6.0]]
    """
    count = len(logits)
    return torch.stack([z[:, j::count] for j, z in enumerate(logits)]).mean(dim=0)
