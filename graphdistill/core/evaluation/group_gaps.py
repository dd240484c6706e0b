"""How differently a classifier treats groups of entries, gaps of parity and of odds, and weights against them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def parity_gap(predicted: Tensor, group: Tensor) -> float:
    r"""Largest difference between two groups of the share that a class is predicted for (demographic parity).

    .. math:: \max_{c, g, h} \big| P(\hat y = c \mid g) - P(\hat y = c \mid h) \big|

    Dwork et al., ITCS 2012, https://arxiv.org/abs/1104.3913. Groups without entries do not count.

    Args:
        predicted: predicted class of each entry, long ``[n]``.
        group: group of each entry, long ``[n]``.

    Returns:
        From 0, all groups alike, to 1.

    Raises:
        ValueError: lengths differ, there are no entries, or a number is negative.

    Example:
        >>> parity_gap(torch.tensor([1, 1, 0, 1]), torch.tensor([0, 0, 1, 1]))
        0.5
    """
    _check(predicted=predicted, group=group)
    return _largest_gap(predicted, group)


def odds_gap(predicted: Tensor, y: Tensor, group: Tensor) -> float:
    r"""Largest difference between two groups of the share that a class is predicted for among entries of one class.

    .. math:: \max_{k, c, g, h} \big| P(\hat y = c \mid y = k, g) - P(\hat y = c \mid y = k, h) \big|

    Of two classes it is the larger of the gaps of true and of false positive rates (equalised odds; Hardt et al.,
    NeurIPS 2016, https://arxiv.org/abs/1610.02413). Groups without entries of a class do not count for it.

    Args:
        predicted: predicted class of each entry, long ``[n]``.
        y: class of each entry, long ``[n]``.
        group: group of each entry, long ``[n]``.

    Returns:
        From 0, all groups alike, to 1.

    Raises:
        ValueError: lengths differ, there are no entries, or a number is negative.

    Example:
        >>> y, group = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])
        >>> odds_gap(y, y, group), odds_gap(torch.tensor([0, 1, 1, 1]), y, group)
        (0.0, 1.0)
    """
    _check(predicted=predicted, group=group, y=y)
    return max(_largest_gap(predicted[y == label], group[y == label]) for label in y.unique().tolist())


def reweighing(y: Tensor, group: Tensor) -> Tensor:
    r"""Weights of entries with which classes and groups are independent, as if labels were given by chance.

    .. math:: w_i = \frac{P(y_i) \, P(g_i)}{P(y_i, g_i)}

    Kamiran and Calders, Knowledge and Information Systems 2012, https://doi.org/10.1007/s10115-011-0463-8.

    Args:
        y: class of each entry, long ``[n]``.
        group: group of each entry, long ``[n]``.

    Returns:
        Float ``[n]``.

    Raises:
        ValueError: as of :func:`odds_gap`.

    Example:
        >>> reweighing(torch.tensor([1, 1, 0, 0]), torch.tensor([0, 0, 0, 1])).tolist()
        [0.75, 0.75, 1.5, 0.5]
    """
    _check(y=y, group=group)
    pair = y * (int(group.max()) + 1) + group
    of_class, of_group, of_pair = (codes.bincount().double()[codes] for codes in (y, group, pair))
    return (of_class * of_group / of_pair / len(y)).float()


def _largest_gap(predicted: Tensor, group: Tensor) -> float:
    _, codes = group.unique(return_inverse=True)
    hot = F.one_hot(predicted).double()  # [n, C]
    total = hot.new_zeros(int(codes.max()) + 1, hot.shape[1]).index_add_(0, codes, hot)
    share = total / total.sum(dim=1, keepdim=True)
    return float((share.amax(dim=0) - share.amin(dim=0)).max())


def _check(**numbers: Tensor) -> None:
    shape = next(iter(numbers.values())).shape[:1]
    for name, values in numbers.items():
        if values.shape != shape or values.dtype != torch.long or not len(values):
            raise ValueError(
                f"{name} is {values.dtype} {list(values.shape)}; {' and '.join(numbers)} hold a number of each entry, "
                f"long [n], for the same n of 1 or more"
            )
        if int(values.min()) < 0:
            raise ValueError(f"{name} holds {int(values.min())}; numbers are from 0: leave entries without one out")
