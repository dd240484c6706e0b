"""Cross-entropy to the teacher's probabilities with an enhanced target class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.kd.losses.kl import check_above_zero, check_logits, labels_or_argmax, log_probabilities


@dataclass(frozen=True)
class EnhancedTarget:
    r"""Cross-entropy to the teacher's probabilities, of which that of the label is raised.

    .. math:: -\sum_c \left[(p_{t,c} + m_c)^\epsilon - m_c\right] \log p_{s,c}, \quad m = \mathrm{onehot}(y)

    Hao et al., One-for-All: Bridge the Gap Between Heterogeneous Architectures in Knowledge Distillation, NeurIPS 2023.
    At :math:`\epsilon = 1` it is cross-entropy with soft targets. Above 1 it lowers the other classes and may raise the
    target's weight above 1. Its least value is not 0. A row without a label (-1, or no ``y`` at all) takes the
    teacher's most probable class, and soft labels their largest.

    Args:
        epsilon: exponent, above 0. (default: 1.5)
        temperature: divides both logits, above 0. (default: 1)

    Raises:
        ValueError: epsilon or temperature is not above 0, or, in a call, the logits are of different rows or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **y**: long ``[n]``, or soft labels ``[n, C]``
        - **output**: ``[n]``

    Example:
        >>> zero = torch.zeros(1, 2)
        >>> EnhancedTarget(epsilon=1.0)(zero, zero).exp().item()
        2.0
    """

    epsilon: float = 1.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_above_zero(self, "epsilon", "temperature")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row."""
        check_logits(student, teacher)
        p_t = log_probabilities(teacher, self.temperature).exp()
        mask = F.one_hot(labels_or_argmax(y, teacher), teacher.shape[1]).to(p_t.dtype)
        target = torch.where(mask > 0, (p_t + 1) ** self.epsilon - 1, p_t**self.epsilon)
        return -(target * log_probabilities(student, self.temperature)).sum(-1)
