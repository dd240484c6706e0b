"""Barlow Twins: a network that learns from images without labels, from two augmented copies of each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphdistill.core.randomness import generator
from graphdistill.core.training.augment import Augment
from graphdistill.core.training.loop import Training, train

OFF_DIAGONAL = 5e-3
"""Weight of the correlations between outputs (the paper's value)."""


def redundancy(one: Tensor, other: Tensor, weight: float = OFF_DIAGONAL) -> Tensor:
    r"""Loss of two views of the same images (Zbontar et al., ICML 2021, https://arxiv.org/abs/2103.03230).

    .. math:: L = \sum_i (1 - C_{ii})^2 + \lambda \sum_{i \ne j} C_{ij}^2

    :math:`C` is the correlation, over the images, of the outputs of one view with those of the other: each output is
    the same in both views, and tells what no other output tells.

    Args:
        one: outputs of the first view, float ``[n, d]``.
        other: those of the second view.
        weight: :math:`\lambda`. (default: 0.005)

    Example:
        >>> z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> redundancy(z, z).item(), redundancy(z, -z).item()
        (0.0, 8.0)
    """
    one, other = ((z - z.mean(dim=0)) / z.std(dim=0, correction=0).clamp(min=1e-6) for z in (one, other))
    correlation = one.T @ other / len(one)
    diagonal = correlation.diagonal()
    across = correlation.square().sum() - diagonal.square().sum()
    return (1 - diagonal).square().sum() + weight * across


def train_without_labels(
    net: nn.Module,
    x: Tensor,
    augment: Augment,
    *,
    seed: int,
    steps: int = 600,
    batch: int = 128,
    lr: float = 3e-3,
) -> None:
    """Train a network in place by :func:`redundancy` of its outputs, and leave it in evaluation mode.

    Args:
        net: the network.
        x: images, float ``[n, channels, height, width]``.
        augment: augmentations that it learns to ignore.
        seed: of batches and augmentations.
        steps: steps of AdamW with a cosine. (default: 600)
        batch: images in a step. (default: 128)
        lr: first step size. (default: 0.003)

    Example:
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
        >>> train_without_labels(net, torch.rand(16, 1, 8, 8), Augment(), seed=0, steps=2)
        >>> net.training
        False
    """
    draws = generator(seed, "views without labels")
    optimizer = torch.optim.AdamW(net.parameters(), lr, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def views(step: int) -> list[tuple[Tensor, Tensor]]:
        part = x[torch.randperm(len(x), generator=draws)[:batch].to(x.device)]
        return [(augment.each(part, draws), augment.each(part, draws))]

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        return redundancy(net(batch[0]), net(batch[1]))

    training = Training(net, optimizer, loss, after_step=lambda *_: schedule.step())
    train(training, views, steps)
    net.eval()
