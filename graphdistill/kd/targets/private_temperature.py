"""Targets that hide what a teacher memorised: softer and noisier, the more private a sample is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def privacy(confidence: Tensor, without: Tensor) -> Tensor:
    r"""How private samples are, from 0 to 1: how much surer the teacher is than a network that did not see them.

    .. math:: s = \max\big(0, \; p(y \mid x) - p_{-x}(y \mid x)\big) \; / \; p(y \mid x)

    What everybody could have learnt elsewhere has 0. The score needs no definition of secrets; it is the gap that
    membership attacks exploit (Carlini et al., IEEE S&P 2022).

    Args:
        confidence: the teacher's probability of the label of each sample, ``[n]``.
        without: the same of a network, or the mean of several, trained without the sample, ``[n]``.

    Example:
        >>> privacy(torch.tensor([0.9, 0.9, 0.2]), torch.tensor([0.9, 0.09, 0.5]))
        tensor([0.0000, 0.9000, 0.0000])
    """
    gap = (confidence - without) / confidence.clamp_min(torch.finfo(confidence.dtype).tiny)
    return gap.clamp(0, 1)


@dataclass(frozen=True)
class PrivateTemperature:
    r"""A temperature for each sample that rises with how private it is, and noise that does, too (Swing-like).

    .. math:: \tilde z = \frac{z_t}{1 + \lambda s} + \sigma s \, n, \quad n \sim N(0, 1)

    Swing distillation (Li et al., 2022) publishes the idea, not the law of the temperature or of the noise, so this
    form is ours. Noise that is not calibrated guarantees no differential privacy.

    Args:
        strength: :math:`\lambda`. (default: 4)
        noise: :math:`\sigma`. (default: 0.5)

    Raises:
        ValueError: an argument is negative or not finite.

    Shapes:
        - **logits**: of the teacher, ``[n, C]``; **score**: of :func:`privacy`, ``[n]``
        - **output**: ``[n, C]``

    Example:
        >>> z = torch.tensor([[0.0, 6.0], [0.0, 6.0]])
        >>> PrivateTemperature(strength=2.0, noise=0.0)(z, torch.tensor([0.0, 1.0]), torch.Generator())
        tensor([[0., 6.],
                [0., 2.]])
    """

    strength: float = 4.0
    noise: float = 0.5

    def __post_init__(self) -> None:
        for name in ("strength", "noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")

    def __call__(self, logits: Tensor, score: Tensor, generator: torch.Generator) -> Tensor:
        """The teacher's logits, softened and with noise."""
        draws = torch.randn(logits.shape, generator=generator, dtype=logits.dtype).to(logits.device)
        s = score.unsqueeze(1).to(logits)
        return logits / (1 + self.strength * s) + self.noise * s * draws
