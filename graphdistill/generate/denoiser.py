"""A denoiser: the mean of the clean entry given a noisy one, as a network with scaled inputs and outputs."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from graphdistill.generate.noise import NoiseSchedule


class Denoiser(nn.Module):
    r"""A network F as :math:`D(x, \sigma, y) = E[x_0 \mid x_\sigma = x, y]`: Karras et al., NeurIPS 2022.

    https://arxiv.org/abs/2206.00364. The gradient of the log-density of noisy entries, the score, is
    :math:`(D - x) / \sigma^2`, and

    .. math:: D(x, \sigma, y) = c_s x + c_o F(c_i x, \tfrac14 \ln \sigma, y), \quad
        c_s = \frac{\sigma_d^2}{(\sigma - e)^2 + \sigma_d^2}, \quad
        c_o = \frac{\sigma_d (\sigma - e)}{\sqrt{\sigma^2 + \sigma_d^2}}, \quad
        c_i = \frac{1}{\sqrt{\sigma^2 + \sigma_d^2}}

    Args:
        network: the network F, as of :class:`~graphdistill.generate.networks.NetworkConfig`.
        schedule: noise levels and the standard deviation :math:`\sigma_d` of entries.
        boundary: level e at which the denoiser is the identity, as consistency models need. (default: 0)

    Shapes:
        - **input:** entries ``[n, *shape]``, levels, a number or float ``[n]``, classes, long ``[n]``
        - **output:** ``[n, *shape]``

    Raises:
        ValueError: the boundary is below 0 or not finite.

    Example:
        >>> from graphdistill.generate.networks import NetworkConfig
        >>> denoiser = Denoiser(NetworkConfig(width=16).build((2,), 3))
        >>> denoiser(torch.ones(4, 2), 0.5, torch.tensor([0, 1, 2, 0])).shape
        torch.Size([4, 2])
    """

    def __init__(self, network: nn.Module, schedule: NoiseSchedule = NoiseSchedule(), *, boundary: float = 0.0):
        super().__init__()
        if not 0 <= boundary < math.inf:
            raise ValueError(f"boundary must be 0 or more and finite, got {boundary}")
        self.network, self.schedule, self.boundary = network, schedule, boundary

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an entry."""
        found: Any = self.network.shape
        return tuple(found)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        found: Any = self.network.num_classes
        return int(found)

    def forward(
        self,
        x: Tensor,
        sigma: Tensor | float,
        y: Tensor | None = None,
        *,
        guidance: Tensor | None = None,
        level: Tensor | float | None = None,
    ) -> Tensor:
        """The mean of the clean entries, ``[n, *shape]``.

        Args:
            x: noisy entries.
            sigma: their noise level.
            y: their class; ``num_classes`` stands for no class. (default: no class)
            guidance: strength of guidance that a distilled network knows, float ``[n]``. (default: none)
            level: noise level that the network gets in place of ``sigma``, a number or float ``[n]``. (default: none)
        """
        skip, out, scaled, given, y = self._scales(x, sigma, y)
        if level is not None:
            given = _levels(level, x).log() / 4
        found: Tensor = skip * x + out * self.network(scaled, given, y, guidance)
        return found

    def hidden(self, x: Tensor, sigma: Tensor | float, y: Tensor | None = None) -> Tensor:
        """Hidden output of the network, the mean over tokens, ``[n, D]``."""
        _, _, scaled, level, y = self._scales(x, sigma, y)
        network: Any = self.network
        found: Tensor = network.hidden(scaled, level, y)
        return found if found.dim() == 2 else found.mean(dim=1)

    def guided(self, x: Tensor, sigma: Tensor | float, y: Tensor, strength: Tensor | float) -> Tensor:
        """Guidance without a classifier, ``(1 + w) D(x, y) - w D(x)``: Ho and Salimans, 2022.

        https://arxiv.org/abs/2207.12598.

        Args:
            x: noisy entries.
            sigma: their noise level.
            y: their class.
            strength: strength w, a number or float ``[n]``; 0 needs one evaluation, others two.
        """
        conditional: Tensor = self(x, sigma, y)
        if not isinstance(strength, Tensor):
            if not strength:
                return conditional
            strength = torch.full((len(x),), float(strength), device=x.device)
        plain: Tensor = self(x, sigma)
        return conditional + column(strength, x) * (conditional - plain)

    def copy(self) -> Denoiser:
        """A copy with weights of its own, all of which are trained."""
        return copy.deepcopy(self).requires_grad_(True)

    def frozen(self) -> Denoiser:
        """This denoiser in evaluation mode, whose weights get no gradients."""
        return self.eval().requires_grad_(False)

    def _scales(
        self, x: Tensor, sigma: Tensor | float, y: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        sigma = _levels(sigma, x)
        y = torch.full((len(x),), self.num_classes, device=x.device) if y is None else y
        level, data = column(sigma, x), self.schedule.sigma_data
        total = level**2 + data**2
        skip = data**2 / ((level - self.boundary) ** 2 + data**2)
        return skip, data * (level - self.boundary) * total**-0.5, x * total**-0.5, sigma.log() / 4, y


def add_noise(x: Tensor, sigma: Tensor | float, generator: torch.Generator) -> Tensor:
    """Entries with noise of a level, drawn on the CPU so that all devices get the same.

    Example:
        >>> add_noise(torch.zeros(2, 3), 0.0, torch.Generator()).abs().max().item()
        0.0
    """
    noise = torch.randn(x.shape, generator=generator).to(x.device)
    return x + (column(sigma, x) if isinstance(sigma, Tensor) else sigma) * noise


def column(values: Tensor, x: Tensor) -> Tensor:
    """A number for each entry, ``[n]``, in a shape that multiplies entries.

    Example:
        >>> column(torch.ones(3), torch.ones(3, 1, 8, 8)).shape
        torch.Size([3, 1, 1, 1])
    """
    return values.reshape(-1, *[1] * (x.dim() - 1))


def _levels(sigma: Tensor | float, x: Tensor) -> Tensor:
    """A noise level for each entry."""
    return sigma if isinstance(sigma, Tensor) else torch.full((len(x),), float(sigma), device=x.device)
