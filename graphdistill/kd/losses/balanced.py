"""KL divergence in both directions, balanced by entropies."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.kd.losses.kl import check_above_zero, check_logits, kl_rows, log_probabilities


@dataclass(frozen=True)
class BalancedKD:
    r"""Forward and reverse KL, of which the one counts more that corrects the student's over- or underconfidence.

    .. math:: T^2 \left[a \, \mathrm{KL}(p_t \,\|\, p_s) + b \, \mathrm{KL}(p_s \,\|\, p_t)\right], \quad
        (a, b) = (\delta, 1) \text{ if } H(p_s) < H(p_t), \text{ else } (1, \delta)

    Amara et al., BD-KD: Balancing the Divergences for Online Knowledge Distillation, 2022. Which side gets
    :math:`\delta` and its value are not published; here a student more confident than its teacher gets more of the
    forward KL, which spreads its probabilities. No gradient flows through the weights.

    Args:
        delta: weight of the direction that counts more, 1 or more. (default: 2)
        temperature: T, above 0. (default: 1)

    Raises:
        ValueError: delta is below 1, the temperature is not above 0, or, in a call, the logits are of different rows
            or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **output**: ``[n]``

    Example:
        >>> confident, unsure = torch.tensor([[5.0, 0.0]]), torch.tensor([[1.0, 0.0]])
        >>> round(BalancedKD()(confident, unsure).item(), 4)
        1.8182
    """

    delta: float = 2.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.delta >= 1:
            raise ValueError(f"delta must be 1 or more, got {self.delta}")
        check_above_zero(self, "temperature")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; labels are not used."""
        check_logits(student, teacher)
        log_s = log_probabilities(student, self.temperature)
        log_t = log_probabilities(teacher, self.temperature)
        overconfident = _entropy(log_s) < _entropy(log_t)
        forward = torch.where(overconfident, self.delta, 1.0).to(log_s.dtype)
        reverse = torch.where(overconfident, 1.0, self.delta).to(log_s.dtype)
        return self.temperature**2 * (forward * kl_rows(log_t, log_s) + reverse * kl_rows(log_s, log_t))


def _entropy(log_p: Tensor) -> Tensor:
    """Entropy of each row without gradient, ``[n]``."""
    log_p = log_p.detach()
    return -(log_p.exp() * log_p).sum(-1)
