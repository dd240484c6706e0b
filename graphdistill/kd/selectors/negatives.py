"""Negative questions: which absent type of spans a sentence is asked about.

Shape legend: n sentences, T types.
"""

from __future__ import annotations

import torch
from torch import Tensor


def negative_weights(present: Tensor, *, by_frequency: bool = True) -> Tensor:
    r"""Probability of each absent type to be asked about in its sentence.

    .. math:: w_{i,t} = \frac{f_t}{\sum_{t' \text{ absent in } i} f_{t'}}

    for types t that are absent in sentence i, where :math:`f_t` is the number of sentences that have type t (Zhou et
    al., ICLR 2024, https://arxiv.org/abs/2308.03279).

    Args:
        present: whether a sentence has a span of a type, bool ``[n, T]``.
        by_frequency: whether types are weighted by their frequency; otherwise all alike. (default: yes)

    Returns:
        Double ``[n, T]``, whose rows sum to 1; 0 in rows without an absent type that any sentence has.

    Example:
        >>> present = torch.tensor([[True, False, False], [False, True, False], [False, True, False]])
        >>> negative_weights(present)[0].tolist(), negative_weights(present, by_frequency=False)[0].tolist()
        ([0.0, 1.0, 0.0], [0.0, 0.5, 0.5])
    """
    frequency = present.double().sum(dim=0) if by_frequency else torch.ones(present.shape[1], dtype=torch.double)
    weight = frequency * ~present
    total = weight.sum(dim=1, keepdim=True)
    return torch.where(total > 0, weight / total, 0)
