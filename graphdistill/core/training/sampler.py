"""Sampling of entries for a step or an epoch, by walking through random permutations."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler


class RepeatedRandomSampler(Sampler[int]):
    """RS2, repeated sampling of random subsets: new entries every round until all are used, then in a new order.

    Okanovic et al., ICLR 2024, https://arxiv.org/abs/2305.18424. A round continues where the last one ended, and a new
    permutation begins when one ends, also within a round. So the counts of any two entries never differ by more than
    one, and a round across two permutations may contain an entry twice.

    As the ``sampler`` of a ``DataLoader`` one round is one epoch.

    Args:
        count: number of entries.
        size: entries per round.
        generator: draws the permutations.

    Raises:
        ValueError: ``size`` is not from 1 to ``count``.

    Example:
        >>> sampler = RepeatedRandomSampler(4, 2, torch.Generator().manual_seed(0))
        >>> [*sampler], [*sampler]
        ([0, 1], [3, 2])
    """

    def __init__(self, count: int, size: int, generator: torch.Generator):
        if not 1 <= size <= count:
            raise ValueError(f"size must be from 1 to the number of entries, {count}, got {size}")
        self.count, self.size, self.generator = count, size, generator
        self.queue = torch.empty(0, dtype=torch.long)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        return iter(self.round().tolist())

    def round(self) -> Tensor:
        """Indices of the next entries, long ``[size]``."""
        if len(self.queue) < self.size:
            self.queue = torch.cat([self.queue, torch.randperm(self.count, generator=self.generator)])
        rows, self.queue = self.queue[: self.size], self.queue[self.size :]
        return rows
