"""Targets between the student's own logits and the teacher's, which move to the teacher's while training goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from graphdistill.kd.losses.kl import log_probabilities


def interpolated_cross_entropy(student: Tensor, teacher: Tensor, t: float, temperature: float = 1.0) -> Tensor:
    r"""Cross-entropy to a target between student and teacher (TAID, Shing et al., ICLR 2025).

    .. math:: -T^2 \sum_c p_c \log q_c, \quad p = \mathrm{softmax}\big(((1 - t) \, \bar z_s + t \, z_t) / T\big),
        \quad q = \mathrm{softmax}(z_s / T)

    The target has no gradient, so only the entropy of the target separates it from the KL divergence.

    Args:
        student: logits ``[n, C]``.
        teacher: logits ``[n, C]``.
        t: share of the teacher, from 0 to 1.
        temperature: T. (default: 1)

    Returns:
        The loss of each row, ``[n]``.

    Example:
        >>> import torch
        >>> z = torch.tensor([[0.0, 2.0]])
        >>> round(interpolated_cross_entropy(-z, z, 0.5).item(), 4)
        1.1269
    """
    target = log_probabilities((1 - t) * student.detach() + t * teacher.detach(), temperature).exp()
    return -(temperature**2) * (target * log_probabilities(student, temperature)).sum(dim=1)


class Share(NamedTuple):
    """Where the interpolation is.

    Attributes:
        t: share of the teacher.
        momentum: moving average of the relative decrease of the loss.
        loss: loss of the last step, None before the first.
    """

    t: float
    momentum: float = 0.0
    loss: float | None = None


@dataclass(frozen=True)
class InterpolationSchedule:
    r"""The share of the teacher over time: linear, and faster while the loss decreases.

    .. math:: \delta = \frac{L' - L}{L'}, \quad m \leftarrow \beta m + (1 - \beta) \delta, \quad
        t \leftarrow \min\big(t_1, \max(t_0 + (t_1 - t_0) \, s, \; t + \alpha \, \sigma(m) \, (1 - t))\big)

    with the losses :math:`L'` and L of two steps and the share s of the training that is done. It never decreases.

    Args:
        start: :math:`t_0`. (default: 0.4)
        end: :math:`t_1`. (default: 1)
        alpha: size of the adaptive steps; 0 is the linear schedule. (default: 5e-4)
        beta: momentum. (default: 0.99)

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> schedule = InterpolationSchedule(alpha=0)
        >>> [round(schedule.update(schedule.begin(), 1.0, done).t, 2) for done in (0.0, 0.5, 1.0)]
        [0.4, 0.7, 1.0]
    """

    start: float = 0.4
    end: float = 1.0
    alpha: float = 5e-4
    beta: float = 0.99

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end <= 1:
            raise ValueError(f"start and end must be 0 to 1 in this order, got {self.start} and {self.end}")
        if not 0 <= self.alpha < math.inf:
            raise ValueError(f"alpha must be 0 or more, got {self.alpha}")
        if not 0 <= self.beta < 1:
            raise ValueError(f"beta must be 0 to below 1, got {self.beta}")

    def begin(self) -> Share:
        """The share before the first step."""
        return Share(self.start)

    def update(self, share: Share, loss: float, fraction_done: float) -> Share:
        """The share after a step with a loss; ``fraction_done`` of the training is done by then."""
        momentum = share.momentum
        if share.loss is not None:
            momentum = self.beta * momentum + (1 - self.beta) * (share.loss - loss) / (share.loss + 1e-15)
        linear = self.start + (self.end - self.start) * fraction_done
        faster = share.t + self.alpha * _sigmoid(momentum) * (1 - share.t)
        return Share(min(self.end, max(linear, faster)), momentum, loss)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
