"""The generalised Jensen-Shannon divergence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.kd.losses.kl import check_above_zero, check_logits, finite_log, kl_rows, log_probabilities


@dataclass(frozen=True)
class JSD:
    r"""Generalised Jensen-Shannon divergence: both distributions are compared with a mixture of them.

    .. math:: T^2 \left[\beta \, \mathrm{KL}(p_t \,\|\, m) + (1 - \beta) \, \mathrm{KL}(p_s \,\|\, m)\right], \quad
        m = \beta p_t + (1 - \beta) p_s

    Agarwal et al., On-Policy Distillation of Language Models (GKD), ICLR 2024. Convention: :math:`\beta` is the share
    of the teacher. Divided by :math:`\beta`, the loss tends to KL(p_t || p_s) as :math:`\beta` falls to 0; divided by
    :math:`1 - \beta`, it tends to KL(p_s || p_t) as :math:`\beta` rises to 1. At 0.5 it is symmetric, at most log 2.

    Args:
        beta: share of the teacher in the mixture, between 0 and 1, without both. (default: 0.5)
        temperature: T, above 0. (default: 1)

    Raises:
        ValueError: beta is not inside (0, 1), the temperature is not above 0, or, in a call, the logits are of
            different rows or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **output**: ``[n]``

    Example:
        >>> JSD()(torch.tensor([[9e3, 0.0]]), torch.tensor([[0.0, 9e3]])).exp().item()
        2.0
    """

    beta: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.beta < 1:
            raise ValueError(
                f"beta must be above 0 and below 1, got {self.beta}; its limits are KD (0) and ReverseKL (1)"
            )
        check_above_zero(self, "temperature")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; labels are not used."""
        check_logits(student, teacher)
        log_s = log_probabilities(student, self.temperature)
        log_t = log_probabilities(teacher, self.temperature)
        mixture = finite_log(torch.logaddexp(log_t + math.log(self.beta), log_s + math.log1p(-self.beta)))
        return self.temperature**2 * (self.beta * kl_rows(log_t, mixture) + (1 - self.beta) * kl_rows(log_s, mixture))
