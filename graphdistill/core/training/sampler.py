"""Which entries a step or an epoch takes: a walk through random orders of all of them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler


class RepeatedRandomSampler(Sampler[int]):
    """RS2, repeated sampling of random subsets: other entries every round, until all were taken, then in a new order.

    Okanovic et al., ICLR 2024, https://arxiv.org/abs/2305.18424. A round takes up where the last one ended, and where
    an order ends within a round the next one goes on: nothing is left out, so after any number of rounds no entry was
    taken more than once oftener than another. A round across two orders may for that hold an entry twice.

    As the ``sampler`` of a ``DataLoader`` it gives each epoch one round.

    Args:
        count: number of entries.
        size: of a round.
        generator: for the orders.

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
        """Numbers of the next entries, long ``[size]``."""
        if len(self.queue) < self.size:
            self.queue = torch.cat([self.queue, torch.randperm(self.count, generator=self.generator)])
        rows, self.queue = self.queue[: self.size], self.queue[self.size :]
        return rows
