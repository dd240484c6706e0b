"""Optimal transport between the rows of a batch, by Sinkhorn's iterations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from graphdistill.kd.losses.kl import check_above_zero, check_logits, log_probabilities


def sinkhorn_plan(cost: Tensor, epsilon: float = 0.1, rounds: int = 20) -> Tensor:
    r"""Transport plan with entropic regularisation between n and n equally heavy rows, ``[n, n]`` of total mass 1.

    .. math:: P \propto e^{-C / \epsilon}, \text{ rows and columns scaled in turns to sums of } 1 / n

    Cuturi, Sinkhorn Distances, NeurIPS 2013; in logarithms, so that a small epsilon does not underflow.

    Args:
        cost: C, ``[n, n]``.
        epsilon: strength of the regularisation, above 0. (default: 0.1)
        rounds: scalings of rows, then columns. (default: 20)

    Example:
        >>> import torch
        >>> sinkhorn_plan(torch.tensor([[0.0, 99.0], [99.0, 0.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    log_plan = -cost / epsilon
    for _ in range(rounds):
        log_plan = log_plan.log_softmax(1).log_softmax(0)
    return log_plan.exp() / len(cost)


@dataclass(frozen=True)
class SinkhornKD:
    r"""A loss with a Sinkhorn term, the cost of transporting the student's predictions of a batch to the teacher's.

    .. math:: \ell_{\mathrm{base}} + w \, n \sum_j P_{ij} C_{ij}, \quad C_{ij} = \|p_{s,i} - p_{t,j}\|_1, \quad
        P = \mathrm{plan}(C)

    Cui et al., Sinkhorn Distance Minimization for Knowledge Distillation, COLING 2024. The plan is over samples, not
    classes, and gradients flow through it. It may pair any row of the student with any of the teacher, so exchanging
    two rows' predictions costs nothing: alone, the term cannot say which row has which class, and it is only offered
    on top of another loss. Its row values have the batch's transport cost as their mean.

    Args:
        base: loss of which the term is added, such as ``KD()``; required.
        weight: w, 0 or more. (default: 0.8)
        epsilon: strength of the entropic regularisation, above 0. (default: 0.1)
        rounds: Sinkhorn iterations, 1 or more. (default: 20)
        temperature: of the probabilities in the cost, above 0. (default: 2)

    Raises:
        ValueError: there is no base, another argument is out of its range, or, in a call, the logits are of different
            rows or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **output**: ``[n]``

    Example:
        >>> import torch
        >>> from graphdistill.kd.losses import KD
        >>> z = torch.tensor([[9.0, 0.0], [0.0, 9.0]])
        >>> round(SinkhornKD(KD())(z, z).sum().item(), 6)
        0.0
    """

    base: Callable[[Tensor, Tensor, Tensor | None], Tensor] | None = None
    weight: float = 0.8
    epsilon: float = 0.1
    rounds: int = 20
    temperature: float = 2.0

    def __post_init__(self) -> None:
        if self.base is None:
            raise ValueError(
                "base must be another loss, such as KD(), got None: transport may pair any row with any row, so the "
                "Sinkhorn term alone does not say which row has which class"
            )
        if not self.weight >= 0:
            raise ValueError(f"weight must be 0 or more, got {self.weight}")
        if self.rounds < 1:
            raise ValueError(f"rounds must be 1 or more, got {self.rounds}")
        check_above_zero(self, "epsilon", "temperature")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row."""
        check_logits(student, teacher)
        assert self.base is not None
        p_s = log_probabilities(student, self.temperature).exp()
        p_t = log_probabilities(teacher, self.temperature).exp()
        cost = (p_s[:, None] - p_t).abs().sum(-1)
        transport = len(cost) * (sinkhorn_plan(cost, self.epsilon, self.rounds) * cost).sum(1)
        return self.base(student, teacher, y) + self.weight * transport
