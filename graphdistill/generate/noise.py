"""Noise levels of diffusion: the grid that is sampled on, and the levels that networks are trained at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class NoiseSchedule:
    r"""Levels :math:`\sigma` of the noise in :math:`x_\sigma = x_0 + \sigma \epsilon`.

    Karras et al., NeurIPS 2022, https://arxiv.org/abs/2206.00364. The grid of n levels is

    .. math:: \sigma_i = \Big(\sigma_{\max}^{1/\rho} + \tfrac{i}{n - 1}
        (\sigma_{\min}^{1/\rho} - \sigma_{\max}^{1/\rho})\Big)^\rho

    Attributes:
        sigma_min: the least level, in the unit of the entries. (default: 0.01)
        sigma_max: the highest level, at which entries cannot be seen. (default: 10)
        rho: how much of the grid lies at low levels, 1 to 100. (default: 7)
        sigma_data: standard deviation of the entries. (default: 0.5)

    Raises:
        ValueError: a level is 0 or less, levels are not in order, or rho is out of range.

    Example:
        >>> [round(level, 2) for level in NoiseSchedule(sigma_min=0.1, sigma_max=10.0).sigmas(3).tolist()]
        [10.0, 1.45, 0.1]
    """

    sigma_min: float = 0.01
    sigma_max: float = 10.0
    rho: float = 7.0
    sigma_data: float = 0.5

    def __post_init__(self) -> None:
        for name in ("sigma_min", "sigma_max", "sigma_data"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise ValueError(f"{name} must be above 0 and finite, got {getattr(self, name)}")
        if not 1 <= self.rho <= 100:
            raise ValueError(f"rho must be 1 to 100, got {self.rho}")
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min must be below sigma_max, got {self.sigma_min} and {self.sigma_max}")

    def sigmas(self, count: int) -> Tensor:
        """The grid of some levels, from the highest to the least, float ``[count]``.

        Raises:
            ValueError: ``count`` is below 1.
        """
        if count < 1:
            raise ValueError(f"count must be 1 or more, got {count}")
        return self.at(torch.linspace(0, 1, count) if count > 1 else torch.zeros(1))

    def at(self, place: Tensor) -> Tensor:
        """Levels at places of the grid, from 0, the highest, to 1, the least."""
        high, low = self.sigma_max ** (1 / self.rho), self.sigma_min ** (1 / self.rho)
        levels: Tensor = (high + place * (low - high)) ** self.rho
        return levels

    def lognormal(
        self, count: int, *, generator: torch.Generator, mean: float = -0.5, deviation: float = 1.5
    ) -> Tensor:
        r"""Levels to train a denoiser at, :math:`\ln \sigma \sim N(\mu, s^2)`, float ``[count]``.

        Args:
            count: number of levels.
            generator: source of randomness.
            mean: mean :math:`\mu`. (default: -0.5)
            deviation: standard deviation s. (default: 1.5)
        """
        levels = (torch.randn(count, generator=generator) * deviation + mean).exp()
        return levels.clamp(self.sigma_min, self.sigma_max)

    def uniform(self, count: int, *, generator: torch.Generator, first: float = 0.0, last: float = 1.0) -> Tensor:
        """Levels at uniform places of the grid, float ``[count]``.

        Args:
            count: number of levels.
            generator: source of randomness.
            first: place of the highest level, from 0. (default: 0, the highest of all)
            last: place of the least level, up to 1. (default: 1, the least of all)
        """
        return self.at(first + (last - first) * torch.rand(count, generator=generator))

    def weight(self, sigma: Tensor) -> Tensor:
        r"""Weight of the squared error at a level, :math:`\sigma^{-2} + \sigma_d^{-2}`, which makes levels alike."""
        return sigma**-2 + self.sigma_data**-2

    def distance(self, clean: Tensor, target: Tensor, sigma: Tensor) -> Tensor:
        """Squared error of clean entries, each weighted by :meth:`weight` of its level, the mean over a batch.

        Args:
            clean: what a denoiser returns, ``[n, *shape]``.
            target: what it should return, ``[n, *shape]``.
            sigma: noise levels, ``[n]``.
        """
        error = (clean - target).square().flatten(1).mean(dim=1)
        return (self.weight(sigma) * error).mean()
