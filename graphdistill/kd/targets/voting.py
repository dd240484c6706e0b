"""The vote of several teachers, in which those count more that agree with the others."""

from __future__ import annotations

from torch import Tensor


def vote(probabilities: Tensor) -> Tensor:
    r"""Probabilities of teachers, weighted by how much each agrees with all, ``[n, C]``.

    .. math:: v = \frac{\sum_k a_k p_k}{\sum_k a_k}, \quad a_k = \langle p_k, \bar p \rangle, \quad
        \bar p = \frac{1}{K} \sum_k p_k

    The weight :math:`a_k` is the chance that a class drawn from teacher k and one from the mean are the same.

    Args:
        probabilities: of K teachers, float ``[K, n, C]``.

    Example:
        >>> import torch
        >>> vote(torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]]]))
        tensor([[0.8000, 0.2000]])
    """
    mean = probabilities.mean(dim=0)
    agreement = (probabilities * mean).sum(dim=2, keepdim=True)
    return (agreement * probabilities).sum(dim=0) / agreement.sum(dim=0)
