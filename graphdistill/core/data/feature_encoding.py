"""Encodings of node features for linear layers, and back: one-hot categories and standardized numbers.

Shape legend: N nodes, K columns, F encoded features.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.data.tensors import downcast

INITIAL_PROBABILITY = 0.95
"""Probability of the real category under the initial logits."""


@dataclass(frozen=True)
class CategoricalEncoding:
    """One-hot encoding of integer columns; learnable features are logits of the categories.

    Attributes:
        sizes: number of categories of each column.

    Example:
        >>> columns = CategoricalEncoding((3, 2))
        >>> columns.encode(torch.tensor([[2, 0]])).tolist()
        [[0.0, 0.0, 1.0, 1.0, 0.0]]
        >>> columns.decode(columns.init_from(torch.tensor([[2, 0]]))).tolist()
        [[2, 0]]
    """

    sizes: tuple[int, ...]

    @property
    def width(self) -> int:
        """Number F of encoded features."""
        return sum(self.sizes)

    def encode(self, x: Tensor) -> Tensor:
        """One-hot blocks side by side, float ``[N, F]``."""
        blocks = [F.one_hot(column, size) for column, size in zip(x.long().T, self.sizes, strict=True)]
        return torch.cat(blocks, dim=1).float()

    def init_from(self, x: Tensor) -> Tensor:
        """Initial logits that give each category of ``x`` (integer ``[N, K]``) probability 0.95, float ``[N, F]``."""
        margin = [math.log(max(size - 1, 1) * INITIAL_PROBABILITY / (1 - INITIAL_PROBABILITY)) for size in self.sizes]
        widths = torch.tensor(self.sizes, device=x.device)
        return self.encode(x) * torch.tensor(margin, device=x.device).repeat_interleave(widths)

    def discretize(self, logits: Tensor) -> Tensor:
        """One-hot blocks of the likeliest categories, ``[..., F]``, with the gradient of a softmax in each block."""
        blocks = logits.split(self.sizes, dim=-1)
        hard = [F.one_hot(block.argmax(dim=-1), block.shape[-1]) for block in blocks]
        soft = torch.cat([block.softmax(dim=-1) for block in blocks], dim=-1)
        return straight_through(torch.cat(hard, dim=-1), soft)

    def decode(self, logits: Tensor) -> Tensor:
        """The likeliest category of each column, integers ``[N, K]`` of the smallest dtype."""
        return downcast(torch.stack([block.argmax(dim=-1) for block in logits.split(self.sizes, dim=-1)], dim=-1))


@dataclass(frozen=True)
class NumericEncoding:
    """Standardized float columns; a constant column is encoded as 0.

    Attributes:
        mean: mean of each column, float ``[K]``.
        deviation: standard deviation of each column, float ``[K]``.

    Example:
        >>> columns = NumericEncoding(torch.tensor([1.0]), torch.tensor([2.0]))
        >>> columns.encode(torch.tensor([[5.0]])).tolist(), columns.decode(torch.tensor([[2.0]])).tolist()
        ([[2.0]], [[5.0]])
    """

    mean: Tensor
    deviation: Tensor

    @property
    def width(self) -> int:
        """Number F of encoded features, equal to K."""
        return len(self.mean)

    def encode(self, x: Tensor) -> Tensor:
        """Standardized values, float ``[N, F]``."""
        return torch.where(self.deviation > 0, (x.float() - self.mean) / self.deviation, 0.0)

    def init_from(self, x: Tensor) -> Tensor:
        """The encoded features: they are learnt directly."""
        return self.encode(x)

    def discretize(self, z: Tensor) -> Tensor:
        """The input, unchanged: numbers have no discrete values."""
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Values in the original units, float ``[N, K]``."""
        return z * self.deviation + self.mean


FeatureEncoding = CategoricalEncoding | NumericEncoding


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The values of ``hard`` with the gradient of ``soft`` (Bengio et al., 2013, https://arxiv.org/abs/1308.3432).

    Example:
        >>> soft = torch.tensor([0.25], requires_grad=True)
        >>> out = straight_through(torch.ones(1), soft)
        >>> out.sum().backward()
        >>> out.tolist(), soft.grad.tolist()
        ([1.0], [1.0])
    """
    return hard.to(soft.dtype) + (soft - soft.detach())


def fit_encoding(x: Tensor) -> FeatureEncoding:
    """The encoding for features like ``x`` (``[N, K]``): categories up to the largest integer, or standardized floats.

    Raises:
        ValueError: an integer is negative.

    Example:
        >>> fit_encoding(torch.tensor([[2, 0], [0, 1]]))
        CategoricalEncoding(sizes=(3, 2))
    """
    if x.is_floating_point():
        return NumericEncoding(x.float().mean(dim=0), x.float().std(dim=0, correction=0))
    if int(x.min()) < 0:
        raise ValueError(f"categorical features hold {int(x.min())}; number categories from 0, or give floats")
    sizes: Sequence[int] = (x.amax(dim=0) + 1).tolist()
    return CategoricalEncoding(tuple(sizes))
