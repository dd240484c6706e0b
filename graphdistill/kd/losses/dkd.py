"""Decoupled knowledge distillation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.kd.losses.kl import (
    check_above_zero,
    check_logits,
    finite_log,
    kl_rows,
    labels_or_argmax,
    log_probabilities,
)


@dataclass(frozen=True)
class DKD:
    r"""KL divergence in two parts with their own weights: the label against the rest, and the classes of the rest.

    .. math:: T^2 \left[\alpha \, \mathrm{KL}(b_t \,\|\, b_s) + \beta \, \mathrm{KL}(\hat p_t \,\|\, \hat p_s)\right],
        \quad b = (p_y, 1 - p_y), \quad \hat p_c = p_c / (1 - p_y) \; (c \ne y)

    Zhao et al., Decoupled Knowledge Distillation, CVPR 2022. KL itself is :math:`\alpha = 1` and
    :math:`\beta = 1 - p_{t,y}`, so that a confident teacher's other classes hardly count there. With 2 classes the
    second part is 0. A row without a label (-1, or no ``y`` at all) takes the teacher's most probable class.

    Args:
        alpha: weight of the target class against the rest, 0 or more. (default: 1)
        beta: weight of the distribution over the other classes, 0 or more. (default: 2)
        temperature: T, above 0. (default: 1)

    Raises:
        ValueError: a weight is negative, the temperature is not above 0, or, in a call, the logits are of different
            rows or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **y**: long ``[n]``
        - **output**: ``[n]``

    Example:
        >>> z = torch.tensor([[2.0, 1.0, 0.0]])
        >>> DKD()(z, z, torch.tensor([0])).item()
        0.0
    """

    alpha: float = 1.0
    beta: float = 2.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        check_above_zero(self, "temperature")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row."""
        check_logits(student, teacher)
        label = labels_or_argmax(y, teacher)
        binary_s, others_s = _parts(student, label, self.temperature)
        binary_t, others_t = _parts(teacher, label, self.temperature)
        parts = self.alpha * kl_rows(binary_t, binary_s) + self.beta * kl_rows(others_t, others_s)
        return self.temperature**2 * parts


def _parts(logits: Tensor, label: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities of label and rest ``[n, 2]``, and of the other classes among themselves ``[n, C - 1]``."""
    n, num_classes = logits.shape
    log_p = log_probabilities(logits, temperature)
    rest = torch.arange(num_classes, device=logits.device) != label[:, None]
    # From the logits of the rest, for 1 - p_y is rounded to 0 where the label is nearly certain; where all of them are
    # minus infinity, the rest is uniform.
    others = (finite_log(logits)[rest].view(n, num_classes - 1) / temperature).log_softmax(-1)
    log_rest = log_p[rest].view(n, num_classes - 1).logsumexp(-1, keepdim=True)
    return finite_log(torch.cat([log_p.gather(1, label[:, None]), log_rest], dim=1)), finite_log(others)
