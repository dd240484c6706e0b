"""What is compared: the contract of an objective, and the gradient distance that several methods share.

Shape legend: C classes, n images, P parameters of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.condense.augment import Augment
from graphdistill.condense.learnable import LearnableSet
from graphdistill.condense.real import RealImages
from graphdistill.condense.schedule import Schedule
from graphdistill.core.convnet import ConvNet


@dataclass(frozen=True)
class Step:
    """What an objective sees in one step.

    Attributes:
        small: the set that is learnt.
        real: the training images.
        net: the network to match on.
        augment: draws what is done to both sides.
        generator: for everything that is drawn.
        done: share of the steps that lie behind, from 0 to below 1.
    """

    small: LearnableSet
    real: RealImages
    net: ConvNet
    augment: Augment
    generator: torch.Generator
    done: float = 0.0

    def view(self) -> Callable[[Tensor], Tensor]:
        """Draw an augmentation, to be applied to real and synthetic images alike."""
        draw = self.augment.draw(self.generator)
        return lambda x: self.augment.apply(draw, x)


class Objective(Protocol):
    """Compares a set with real images on a network."""

    def accumulate(self, step: Step) -> float:
        """Add the gradient to ``.grad`` of the set's parameters and return the loss."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A method that learns: an objective, the networks it is taken on, and how far a step goes.

    Attributes:
        objective: what is compared.
        schedule: which networks it is compared on.
        augment: what is done to both sides.
        steps: number of steps.
        lr: step size of SGD, for pixels from 0 to 1.
        momentum: of SGD.
    """

    objective: Objective
    schedule: Schedule
    augment: Augment
    steps: int
    lr: float
    momentum: float = 0.5

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"--steps must be 1 or more, got {self.steps}")


def gradient(net: nn.Module, x: Tensor, y: Tensor, *, differentiable: bool = False) -> list[Tensor]:
    """Gradient of the mean cross-entropy in every parameter of a network.

    Args:
        net: the network.
        x: images.
        y: labels, hard or soft.
        differentiable: whether gradients of the gradient in ``x`` and ``y`` are wanted. (default: no)
    """
    loss = F.cross_entropy(net(x), y)
    return list(torch.autograd.grad(loss, list(net.parameters()), create_graph=differentiable))


def row_distance(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    r"""Distance of two gradients (Zhao et al., ICLR 2021): one minus cosine, for the weights of each output, summed.

    .. math:: D = \sum_l \sum_i \Big(1 - \frac{A_{li} \cdot B_{li}}{\|A_{li}\| \|B_{li}\|}\Big)

    Parameters of one dimension (biases, scales) do not count, as in the paper's code.

    Args:
        ours: gradient of each parameter.
        theirs: the same of the other side.

    Example:
        >>> row_distance([torch.tensor([[1.0, 0.0], [0.0, 2.0]])], [torch.tensor([[3.0, 0.0], [1.0, 0.0]])]).item()
        1.0
    """
    parts = [
        (1 - F.cosine_similarity(a.flatten(1), b.flatten(1), dim=1)).sum()
        for a, b in zip(ours, theirs, strict=True)
        if a.dim() > 1
    ]
    return torch.stack(parts).sum()
