"""RS2: a new random subset of the entries in each round."""

from __future__ import annotations

import torch
from torch import Tensor

from graphdistill.core.training.sampler import RepeatedRandomSampler


def random_subsets(count: int, size: int, rounds: int, generator: torch.Generator) -> Tensor:
    """The subset of each round; none has an entry of another one until all entries are used.

    Okanovic et al., ICLR 2024, https://arxiv.org/abs/2305.18424, without replacement.

    Args:
        count: number of entries.
        size: entries of a subset.
        rounds: number of subsets.
        generator: draws them.

    Returns:
        Entries, long ``[rounds, size]``.

    Raises:
        ValueError: ``size`` is not from 1 to ``count``, or ``rounds`` is below 1.

    Example:
        >>> random_subsets(4, 2, 2, torch.Generator().manual_seed(0)).tolist()
        [[0, 1], [3, 2]]
    """
    if rounds < 1:
        raise ValueError(f"rounds must be 1 or more, got {rounds}")
    sampler = RepeatedRandomSampler(count, size, generator)
    return torch.stack([sampler.round() for _ in range(rounds)])
