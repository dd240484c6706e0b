"""Exponential moving average of the weights of a network in training."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


class EMA(Generic[Module]):
    r"""Mean of weights, :math:`\bar\theta \leftarrow d \bar\theta + (1 - d) \theta`; early on the decay d is less.

    Args:
        module: the network in training.
        decay: the decay d; at step k it is at most :math:`k / (k + 10)`, so that the first weights are forgotten.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> mean = EMA(layer, 0.9)
        >>> mean.update(layer)
        >>> torch.equal(mean.module.weight, layer.weight)
        True
    """

    def __init__(self, module: Module, decay: float):
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be 0 or more and below 1, got {decay}")
        self.module, self.decay, self.step = copy.deepcopy(module).eval().requires_grad_(False), decay, 0

    @torch.no_grad()
    def update(self, module: Module) -> None:
        """Take in the present weights."""
        self.step += 1
        share = 1 - min(self.decay, self.step / (self.step + 10))
        for mean, present in zip(self.module.parameters(), module.parameters(), strict=True):
            mean.lerp_(present, share)
