r"""Sparse weights: two of every four are zero, or a share of all, and a low-rank term may stand for what is zero.

.. math:: W' = M \odot W + B P, \qquad P_{jp} = [\lfloor p / k \rfloor = j], \qquad
    B_{ij} = \frac{1}{k} \sum_{p = jk}^{(j + 1) k - 1} (1 - M_{ip}) W_{ip}

with a mask M of the weights of largest score and blocks of k inputs, of which B multiplies the sums P x (SLoRB).

Shape legend: O outputs, I inputs (of a convolution all that an output sums over), K kept weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.compress.levels import straight_through

GROUP = 4
"""Weights of a group, of which two are kept."""
_PATTERNS = torch.tensor(
    [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]], dtype=torch.bool
)


@dataclass(frozen=True)
class Sparse:
    """Weights of which many are zero.

    Attributes:
        mask: the weights that are kept, bool ``[O, ...]``.
        values: kept weights in the order of their places, float ``[K]``.
        blocks: weights of the blocks of inputs, float ``[O, ceil(I / block_size)]``; empty without blocks.
        group: 4 where two of every four consecutive inputs are kept, otherwise 1.
        block_size: inputs of a block, 0 without blocks.
    """

    mask: Tensor
    values: Tensor
    blocks: Tensor
    group: int
    block_size: int = 0

    @property
    def weight(self) -> Tensor:
        """The weights, float, of the shape of the mask; equal bits on every machine.

        Example:
            >>> Sparse(torch.tensor([[True, False]]), torch.tensor([3.0]), torch.empty(0), 1).weight
            tensor([[3., 0.]])
        """
        found = torch.zeros(self.mask.shape)
        found[self.mask] = self.values
        return found + expanded(self.blocks, self.block_size, found) if self.block_size else found


def largest_of_four(score: Tensor) -> Tensor:
    """Mask of the two largest of every four consecutive inputs, the first ones of equal scores, bool ``[O, ...]``.

    Of the last inputs, where fewer than four are left, two or fewer are kept.

    Args:
        score: float ``[O, ...]``.

    Example:
        >>> largest_of_four(torch.tensor([[3.0, 1.0, 2.0, 0.0, 5.0]])).int()
        tensor([[1, 0, 1, 0, 1]], dtype=torch.int32)
    """
    rows = score.flatten(1)
    padded = F.pad(rows, (0, -rows.shape[1] % GROUP), value=-1.0).view(-1, GROUP)
    kept = padded.argsort(dim=1, descending=True, stable=True)[:, :2]
    mask = torch.zeros_like(padded, dtype=torch.bool).scatter_(1, kept, True)
    return mask.view(len(rows), -1)[:, : rows.shape[1]].reshape(score.shape)


def largest(score: Tensor, zeros: float) -> Tensor:
    """Mask of the largest of all scores, of equal ones the last, bool of their shape.

    Args:
        score: float of any shape.
        zeros: share of the scores that are left out, rounded down to a number of them.

    Example:
        >>> largest(torch.tensor([3.0, 1.0, 2.0, 0.0]), 0.75).int()
        tensor([1, 0, 0, 0], dtype=torch.int32)
    """
    mask = torch.ones(score.numel(), dtype=torch.bool, device=score.device)
    mask[score.flatten().argsort(stable=True)[: int(zeros * score.numel())]] = False
    return mask.view(score.shape)


def symbols_of(mask: Tensor, group: int) -> Tensor:
    """A mask as small numbers: one of six for every four inputs, or 0 and 1 for each, uint8.

    Args:
        mask: bool ``[O, ...]``.
        group: 4 or 1.

    Example:
        >>> symbols_of(torch.tensor([[True, True, False, False, False, True, True, False]]), 4)
        tensor([0, 3], dtype=torch.uint8)
    """
    if group == 1:
        return mask.flatten().to(torch.uint8)
    rows = mask.flatten(1)
    padded = F.pad(rows, (0, -rows.shape[1] % GROUP)).view(-1, GROUP)
    # A last group of one input keeps one: the pattern keeps a place after it, too, which is cut off again.
    padded = padded | ((padded.sum(dim=1, keepdim=True) < 2) & (torch.arange(GROUP) == 1))
    return (padded[:, None] == _PATTERNS).all(dim=2).int().argmax(dim=1).to(torch.uint8)


def mask_of(symbols: Tensor, shape: torch.Size, group: int) -> Tensor:
    """The mask that :func:`symbols_of` made numbers of.

    Args:
        symbols: the numbers.
        shape: shape of the mask.
        group: 4 or 1.

    Raises:
        ValueError: a number is none of a mask.

    Example:
        >>> mask_of(torch.tensor([5], dtype=torch.uint8), torch.Size([1, 4]), 4)
        tensor([[False, False,  True,  True]])
    """
    if len(symbols) and int(symbols.max()) >= (2 if group == 1 else len(_PATTERNS)):
        raise ValueError("it holds positions that are none")
    if group == 1:
        return symbols.bool().view(shape)
    return _PATTERNS[symbols.long()].view(shape[0], -1)[:, : shape[1:].numel()].reshape(shape)


def num_symbols(shape: torch.Size, group: int) -> int:
    """Numbers of the mask of weights of a shape.

    Example:
        >>> num_symbols(torch.Size([3, 5]), 4), num_symbols(torch.Size([3, 5]), 1)
        (6, 15)
    """
    return shape.numel() if group == 1 else shape[0] * -(-shape[1:].numel() // GROUP)


def expanded(blocks: Tensor, block_size: int, weight: Tensor) -> Tensor:
    """Weights of blocks at every input of theirs, of the shape of ``weight``.

    Args:
        blocks: float ``[O, ceil(I / block_size)]``.
        block_size: inputs of a block.
        weight: ``[O, ...]``.

    Example:
        >>> expanded(torch.tensor([[1.0, 2.0]]), 2, torch.empty(1, 3))
        tensor([[1., 1., 2.]])
    """
    return blocks.repeat_interleave(block_size, dim=1)[:, : weight[0].numel()].reshape(weight.shape)


class Masker(nn.Module):
    """Sparse weights in training: the network computes with them, and all weights get the gradient.

    Args:
        weight: the weights, float ``[O, ...]``.
        mask: the mask at first, bool ``[O, ...]``.
        group: 4 where two of every four are kept, otherwise 1.
        block_size: inputs of a block of SLoRB. (default: 0, no blocks)
    """

    mask: Tensor

    def __init__(self, weight: Tensor, mask: Tensor, group: int, block_size: int = 0):
        super().__init__()
        self.register_buffer("mask", mask.clone())
        self.group, self.block_size = group, block_size
        self.blocks = nn.Parameter(self._means(weight)) if block_size else None

    def _means(self, weight: Tensor) -> Tensor:
        """Sum of the weights of each block that are zero now, over the size of a block."""
        rows = (weight * ~self.mask).detach().flatten(1)
        padded = F.pad(rows, (0, -rows.shape[1] % self.block_size))
        return padded.view(len(rows), -1, self.block_size).mean(dim=2)

    def forward(self, weight: Tensor) -> Tensor:
        """Sparse weights, of the same shape."""
        found = straight_through(weight, weight * self.mask)
        return found if self.blocks is None else found + expanded(self.blocks, self.block_size, weight)

    @torch.no_grad()
    def decay(self, weight: Tensor, amount: float) -> None:
        """Shrink the weights that are zero for the network by a share of them, in place."""
        weight.mul_(1 - amount * (~self.mask).to(weight.dtype))

    @torch.no_grad()
    def coded(self, weight: Tensor) -> Sparse:
        """The same as positions and values, on the CPU."""
        mask = self.mask.cpu()
        blocks = torch.empty(0) if self.blocks is None else self.blocks.detach().cpu()
        return Sparse(mask, weight.detach().cpu()[mask], blocks, self.group, self.block_size)
