r"""Trajectory distillation: a student that covers long pieces of the teacher's path from noise to entries in one step.

The path is that of the ordinary differential equation :math:`dx / d\sigma = (x - D(x, \sigma, y)) / \sigma`.

Shape legend: n entries of a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from graphdistill.core.training.loop import Training, train
from graphdistill.generate.context import Context
from graphdistill.generate.denoiser import Denoiser, column
from graphdistill.generate.ema import EMA

DECAYED = 0.1
"""Share of the learning rate that is left at the end."""


def train_student(
    context: Context,
    student: Denoiser,
    loss: Callable[[int], Tensor],
    *,
    steps: int,
    lr_scale: float = 1.0,
    label: str = "distilling",
) -> Denoiser:
    """Train a denoiser on a loss that draws its own batches.

    Args:
        context: teacher, data and training.
        student: the denoiser, trained in place.
        loss: loss of an update, a function of its number, from 1.
        steps: number of updates; the learning rate falls along half a cosine to a tenth.
        lr_scale: multiple of the learning rate. (default: 1)
        label: what the bar shows. (default: distilling)

    Returns:
        The mean of the student's weights.
    """
    config = context.config
    mean = EMA(student.to(context.device).train(), config.ema)
    trained = [p for p in student.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=lr_scale * config.lr, betas=(0.9, 0.99))
    decay = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: DECAYED + (1 - DECAYED) * (1 + math.cos(math.pi * done / steps)) / 2
    )

    def after(step: int, value: Tensor) -> None:
        mean.update(student)
        decay.step()

    training: Training[int] = Training(student, optimizer, loss, after_step=after)
    train(training, lambda step: [step], steps, progress=context.progress, label=label)
    return mean.module


def carry(x: Tensor, clean: Tensor, sigma: Tensor, to: Tensor) -> Tensor:
    r"""Entries of another noise level, if the clean ones stay the same: a step of DDIM.

    .. math:: x_{\sigma'} = D + \tfrac{\sigma'}{\sigma} (x_\sigma - D)

    Song et al., ICLR 2021, https://arxiv.org/abs/2010.02502.

    Args:
        x: noisy entries, ``[n, *shape]``.
        clean: the clean entries D that they imply, ``[n, *shape]``.
        sigma: their noise level, ``[n]``.
        to: the other level, ``[n]``.

    Example:
        >>> carry(torch.tensor([[3.0]]), torch.tensor([[1.0]]), torch.tensor([2.0]), torch.tensor([1.0]))
        tensor([[2.]])
    """
    return clean + column(to / sigma, x) * (x - clean)


def follow(
    denoiser: Denoiser,
    x: Tensor,
    sigma: Tensor,
    to: Tensor,
    y: Tensor,
    *,
    guidance: float = 0.0,
) -> Tensor:
    """Entries of a lower noise level, by a step of Heun's method along the path of a denoiser, without gradients.

    Args:
        denoiser: the denoiser.
        x: noisy entries, ``[n, *shape]``.
        sigma: their noise level, ``[n]``.
        to: the lower level, above 0, ``[n]``.
        y: classes, long ``[n]``.
        guidance: strength of guidance, which doubles the evaluations. (default: 0)
    """
    with torch.no_grad():
        clean = denoiser.guided(x, sigma, y, guidance)
        slope = (x - clean) / column(sigma, x)
        moved = carry(x, clean, sigma, to)
        after = (moved - denoiser.guided(moved, to, y, guidance)) / column(to, x)
        found: Tensor = x + column(to - sigma, x) * (slope + after) / 2
        return found


def pseudo_huber(difference: Tensor, c: float) -> Tensor:
    r"""Distance of each entry that is squared near 0 and a norm far away, ``[n]``.

    .. math:: \sqrt{\| d \|^2 + c^2} - c

    Song and Dhariwal, ICLR 2024, https://arxiv.org/abs/2310.14189.

    Args:
        difference: differences d, ``[n, *shape]``.
        c: constant, in roots of an entry's numbers.

    Example:
        >>> pseudo_huber(torch.tensor([[3.0, 4.0]]), 0.0)
        tensor([5.])
    """
    squared = difference.square().flatten(1)
    edge = c * squared.shape[1] ** 0.5
    found: Tensor = (squared.sum(dim=1) + edge**2).sqrt() - edge
    return found
