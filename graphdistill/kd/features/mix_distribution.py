"""Statistics of channels that are exchanged between entries, and the contrast of an entry with its changed self."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def mix_distribution(features: Tensor, order: Tensor, epsilon: float = 1e-5) -> Tensor:
    r"""Feature maps with the mean and the deviation of each channel of other entries.

    .. math:: h_i' = \sigma_j \, \frac{h_i - \mu_i}{\sqrt{\sigma_i^2 + \epsilon}} + \mu_j, \quad j = \pi(i)

    Tang et al., ICML 2023, https://arxiv.org/abs/2307.11469. Statistics are over all positions of an entry.

    Args:
        features: float ``[n, d, ...]`` with one or more dimensions of positions.
        order: :math:`\pi`, the entry that lends its statistics to each, long ``[n]``.
        epsilon: keeps constant channels finite. (default: 1e-5)

    Returns:
        Like ``features``.

    Raises:
        ValueError: there are no positions.

    Example:
        >>> h = torch.tensor([[[1.0, 3.0]], [[5.0, 25.0]]])
        >>> mix_distribution(h, torch.tensor([1, 0])).round(decimals=2).tolist()
        [[[5.0, 25.0]], [[1.0, 3.0]]]
    """
    if features.ndim < 3:
        raise ValueError(f"features must be [n, d, ...] with positions, got {list(features.shape)}")
    flat = features.flatten(2)
    mean, std = flat.mean(2, keepdim=True), (flat.var(2, correction=0, keepdim=True) + epsilon).sqrt()
    return (std[order] * (flat - mean) / std + mean[order]).view_as(features)


def info_nce(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    r"""Cross-entropy of finding an entry among all entries of a batch by the cosine of its other view.

    .. math:: -\log \frac{\exp(\cos(a_i, b_i) / \tau)}{\sum_j \exp(\cos(a_i, b_j) / \tau)}

    Args:
        first: a, float ``[n, d]``.
        second: b, the same entries in the same order.
        temperature: :math:`\tau`.

    Returns:
        Float ``[n]``.

    Example:
        >>> info_nce(torch.eye(2), torch.eye(2), 0.01).abs().tolist()
        [0.0, 0.0]
    """
    cosine = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T
    return F.cross_entropy(cosine / temperature, torch.arange(len(first), device=first.device), reduction="none")
