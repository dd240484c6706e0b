"""Choice of unlabelled entries by the confidence of several networks together, equally many of each class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def combined_confidence(logits: Sequence[Tensor], weights: Sequence[float] | None = None) -> tuple[Tensor, Tensor]:
    r"""Confidence and class of the weighted mean prediction of several networks.

    .. math:: c_i = \max_c \bar p_{i,c}, \quad \bar p_i = \sum_k w_k \, \mathrm{softmax}(z^k_i)

    Teacher and student are combined in KD3 (Tang et al., ICCV 2023, https://arxiv.org/abs/2307.11469); one
    teacher alone chooses in SSLD (Cui et al., 2021, https://arxiv.org/abs/2103.05959).

    Args:
        logits: float ``[n, C]`` of each network.
        weights: weight of each network; they are divided by their sum. (default: equal)

    Returns:
        Confidence, float ``[n]``, and class, long ``[n]``.

    Raises:
        ValueError: there are no logits, their shapes differ, or the weights are not one for each network, 0 or more
            and above 0 in all.

    Example:
        >>> sure, unsure = torch.tensor([[0.0, 40.0]]), torch.tensor([[0.0, 0.0]])
        >>> combined_confidence([sure, unsure])
        (tensor([0.7500]), tensor([1]))
    """
    if not logits or any(z.shape != logits[0].shape for z in logits):
        raise ValueError(f"logits must be of one shape, got {[list(z.shape) for z in logits]}")
    share = [1.0] * len(logits) if weights is None else list(weights)
    if len(share) != len(logits) or min(share) < 0 or not 0 < sum(share) < float("inf"):
        raise ValueError(f"weights must be 0 or more, one for each of {len(logits)} networks, got {share}")
    mean = sum((w / sum(share) * z.softmax(dim=1) for w, z in zip(share, logits, strict=True)), torch.zeros(()))
    confidence, label = mean.max(dim=1)
    return confidence, label


def most_confident(confidence: Tensor, label: Tensor, per_class: int) -> Tensor:
    """The most confident entries of each class.

    Args:
        confidence: float ``[n]``.
        label: predicted class, long ``[n]``.
        per_class: entries of each class; all of a class that has fewer.

    Returns:
        Entries, long, ascending; of equal confidence the first ones.

    Raises:
        ValueError: ``per_class`` is below 1.

    Example:
        >>> most_confident(torch.tensor([0.9, 0.8, 0.7, 0.6]), torch.tensor([0, 0, 0, 1]), 2)
        tensor([0, 1, 3])
    """
    if per_class < 1:
        raise ValueError(f"per_class must be 1 or more, got {per_class}")
    order = confidence.sort(descending=True, stable=True).indices
    return torch.cat([order[label[order] == c][:per_class] for c in label.unique()] or [order]).sort().values
