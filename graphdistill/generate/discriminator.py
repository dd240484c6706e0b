"""Discriminators on the hidden output of a denoiser."""

from __future__ import annotations

import torch
from torch import nn

from graphdistill.core.device import device_of
from graphdistill.core.randomness import scoped
from graphdistill.generate.denoiser import Denoiser


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
