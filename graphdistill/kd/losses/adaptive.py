"""Forward KL on what the teacher finds probable and reverse KL on the rest, weighted by where the student errs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.kd.losses.kl import check_above_zero, check_logits, kl_rows, log_probabilities


@dataclass(frozen=True)
class AdaptiveKL:
    r"""Forward and reverse KL, weighted by the gap between teacher and student in the head and in the tail.

    .. math:: T^2 \frac{g_h \, \mathrm{KL}(p_t \,\|\, p_s) + g_l \, \mathrm{KL}(p_s \,\|\, p_t)}{g_h + g_l}, \quad
        g_h = \sum_{c \in \mathrm{head}} |p_{t,c} - p_{s,c}|, \quad
        g_l = \sum_{c \notin \mathrm{head}} |p_{t,c} - p_{s,c}|

    Wu et al., Rethinking Kullback-Leibler Divergence in Knowledge Distillation for Large Language Models, 2024. The
    head is the smallest set of the teacher's most probable classes that holds the given mass. No gradient flows
    through the weights.

    Args:
        mass: probability in the head, above 0 and below 1. (default: 0.5)
        temperature: T, above 0. (default: 1)

    Raises:
        ValueError: the mass is not inside (0, 1), the temperature is not above 0, or, in a call, the logits are of
            different rows or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **output**: ``[n]``

    Example:
        >>> z = torch.tensor([[2.0, 1.0, 0.0]])
        >>> AdaptiveKL()(z, z).item()
        0.0
    """

    mass: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.mass < 1:
            raise ValueError(f"mass must be above 0 and below 1, got {self.mass}")
        check_above_zero(self, "temperature")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; labels are not used."""
        check_logits(student, teacher)
        log_s = log_probabilities(student, self.temperature)
        log_t = log_probabilities(teacher, self.temperature)
        with torch.no_grad():
            p, order = log_t.exp().sort(dim=-1, descending=True, stable=True)
            gap = (log_t.exp() - log_s.exp()).abs()
            head = p.cumsum(-1) - p < self.mass
            in_head = (gap.gather(-1, order) * head).sum(-1)
            share = in_head / gap.sum(-1).clamp_min(torch.finfo(p.dtype).tiny)
        rows: Tensor = share * kl_rows(log_t, log_s) + (1 - share) * kl_rows(log_s, log_t)
        return self.temperature**2 * rows
