"""Discriminators on the hidden output of a denoiser."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphdistill.core.device import device_of
from graphdistill.core.randomness import scoped
from graphdistill.generate.denoiser import Denoiser, add_noise


def head_of(denoiser: Denoiser, seed: int) -> nn.Sequential:
    """A head that gives a logit for each hidden output of a denoiser, on its device.

    Args:
        denoiser: the denoiser.
        seed: seed of the weights.

    Example:
        >>> from graphdistill.generate.networks import NetworkConfig
        >>> denoiser = Denoiser(NetworkConfig(width=16).build((2,), 3))
        >>> head_of(denoiser, 0)(denoiser.hidden(torch.zeros(4, 2), 1.0)).shape
        torch.Size([4, 1])
    """
    device = device_of(denoiser)
    with scoped(seed, "discriminator head"):
        width = denoiser.hidden(torch.zeros(1, *denoiser.shape, device=device), 1.0).shape[1]
        made = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, 1))
    return made.to(device)


def noisy_logits(head: nn.Module, denoiser: Denoiser, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """Logits of a head on the hidden output of a denoiser at entries with noise of uniform places of the grid.

    Args:
        head: the head, as of :func:`head_of`.
        denoiser: the denoiser.
        x: entries, ``[n, *shape]``.
        y: their classes, long ``[n]``.
        generator: source of the noise.

    Returns:
        Float ``[n, 1]``.
    """
    sigma = denoiser.schedule.uniform(len(x), generator=generator).to(x.device)
    out: Tensor = head(denoiser.hidden(add_noise(x, sigma, generator), sigma, y))
    return out
