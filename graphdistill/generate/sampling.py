"""Sampling of a denoiser by the ordinary differential equation of diffusion, in many small steps."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from graphdistill.generate.denoiser import Denoiser


@torch.no_grad()
def sample_ode(
    denoiser: Denoiser,
    y: Tensor,
    steps: int = 25,
    *,
    generator: torch.Generator,
    guidance: float = 0.0,
    trace: list[Tensor] | None = None,
) -> Tensor:
    r"""Entries of given classes by Heun's method: Karras et al., NeurIPS 2022, https://arxiv.org/abs/2206.00364.

    .. math:: \frac{dx}{d\sigma} = \frac{x - D(x, \sigma, y)}{\sigma}

    Args:
        denoiser: the teacher.
        y: classes, long ``[n]``.
        steps: steps of the grid; each but the last takes two evaluations. (default: 25)
        generator: source of the first noise.
        guidance: strength of guidance, which doubles the evaluations. (default: 0)
        trace: a list that gets the clean entries that each step implies. (default: none)

    Returns:
        Entries, ``[n, *shape]``.

    Raises:
        ValueError: ``steps`` is below 1, or the denoiser does not know a class.

    Example:
        >>> from graphdistill.generate.networks import NetworkConfig
        >>> denoiser = Denoiser(NetworkConfig(width=16).build((2,), 3))
        >>> sample_ode(denoiser, torch.tensor([0, 2]), 5, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([2, 2])
    """
    if steps < 1:
        raise ValueError(f"steps must be 1 or more, got {steps}")
    classes = denoiser.num_classes
    for label in y.aminmax() if len(y) else ():
        if not 0 <= int(label) <= classes:
            raise ValueError(f"y must be classes from 0 to {classes - 1}, or {classes} for no class, got {int(label)}")
    levels = [*denoiser.schedule.sigmas(steps).tolist(), 0.0]
    x: Tensor = levels[0] * torch.randn(len(y), *denoiser.shape, generator=generator).to(y.device)
    for level, after in pairwise(levels):
        clean = denoiser.guided(x, level, y, guidance)
        if trace is not None:
            trace.append(clean)
        slope = (x - clean) / level
        moved = x + (after - level) * slope
        if after:
            slope = (slope + (moved - denoiser.guided(moved, after, y, guidance)) / after) / 2
            moved = x + (after - level) * slope
        x = moved
    return x


def evaluations(steps: int, guidance: float = 0.0) -> int:
    """Evaluations of the network by :func:`sample_ode`.

    Example:
        >>> evaluations(25), evaluations(5)
        (49, 9)
    """
    return (2 * steps - 1) * (2 if guidance else 1)
