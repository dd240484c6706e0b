r"""The interpolated lower bound of mutual information, and the MI-alpha loss that maximises it.

.. math:: I_\alpha = 1 + E_{p(x_{1:K})\, p(y|x_1)}\Big[\log \frac{e^{f(x_1, y)}}{\alpha\, m(y; x_{1:K}) +
    (1 - \alpha)\, q(y)}\Big] - E_{p(x_{1:K})\, p(y)}\Big[\frac{m(y; x_{1:K})}{\alpha\, m(y; x_{1:K}) +
    (1 - \alpha)\, q(y)}\Big], \qquad m(y; x_{1:K}) = \frac{1}{K} \sum_k e^{f(x_k, y)}

x is the teacher's feature and y the student's. Poole et al. (ICML 2019, https://arxiv.org/abs/1905.06922): at
:math:`\alpha = 1` it is InfoNCE, of low variance and at most log K; at 0 it is the bound of Nguyen, Wainwright and
Jordan with a learned q, of high variance and without limit. In between it is at most :math:`1 + \log(K / \alpha)`,
since m is at least :math:`e^{f(x_1, y)} / K` in the first expectation and the second is not negative; it passes
:math:`\log(K / \alpha)` only where the information is larger.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from graphdistill.kd.features.pooling import pooled

HIDDEN = 64
"""Width of the hidden layer of the critics."""


def mutual_information(scores: Tensor, log_q: Tensor, alpha: float = 0.9) -> Tensor:
    r"""The estimate for each pair of a batch of :math:`K + 1` pairs, whose mean is the estimate of the batch, ``[n]``.

    The expectation is a lower bound of the mutual information for any scores and any ``log_q``. Each expectation has
    exactly K samples: the pair's own x and all others but one for the joint distribution, all others for the product.

    Args:
        scores: critic of all pairs, float ``[n, n]``: row i and column j have :math:`f(x_i, y_j)`.
        log_q: logarithm of the learned q of each y, float ``[n]``.
        alpha: weight of m against q, from 0 to 1. (default: 0.9)

    Raises:
        ValueError: alpha is outside [0, 1], there are fewer than 3 pairs, or the shapes do not fit.

    Example:
        >>> mutual_information(torch.zeros(5, 5), torch.zeros(5)).mean().item()
        0.0
        >>> sure = 100 * torch.eye(5, dtype=torch.float64)
        >>> abs(mutual_information(sure, torch.zeros(5), alpha=1.0).mean().item() - math.log(4)) < 1e-9
        True
    """
    n = len(scores)
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    if n < 3 or scores.shape != (n, n) or log_q.shape != (n,):
        raise ValueError(
            f"scores must be [n, n] and log_q [n] for 3 or more pairs, got {tuple(scores.shape)} and "
            f"{tuple(log_q.shape)}"
        )
    eye = torch.eye(n, dtype=torch.bool, device=scores.device)
    joint = _mixture(scores.masked_fill(eye.roll(1, 0), -torch.inf), log_q, alpha)
    negative = scores.masked_fill(eye, -torch.inf)
    log_m = negative.logsumexp(0) - math.log(n - 1)
    return 1 + scores.diagonal() - joint - (log_m - _mixture(negative, log_q, alpha)).exp()


def _mixture(scores: Tensor, log_q: Tensor, alpha: float) -> Tensor:
    """Logarithm of alpha m + (1 - alpha) q, of scores of which one in each column is left out."""
    log_m = scores.logsumexp(0) - math.log(len(scores) - 1)
    if alpha in (0, 1):
        return log_m if alpha == 1 else log_q
    return torch.logaddexp(math.log(alpha) + log_m, math.log1p(-alpha) + log_q)


class SeparableCritic(nn.Module):
    r"""The critic :math:`f(x, y) = \langle g(x), h(y) \rangle / \sqrt{d}` with two perceptrons g and h.

    One product of matrices scores all pairs of a batch.

    Args:
        x_width: width of x.
        y_width: width of y.
        hidden: width of the hidden layers and of g and h. (default: 64)

    Shapes:
        x ``[n, x_width]``, y ``[m, y_width]``; returns ``[n, m]``.

    Example:
        >>> SeparableCritic(3, 4)(torch.rand(2, 3), torch.rand(5, 4)).shape
        torch.Size([2, 5])
    """

    def __init__(self, x_width: int, y_width: int, hidden: int = HIDDEN):
        super().__init__()
        self.left, self.right = _perceptron(x_width, hidden, hidden), _perceptron(y_width, hidden, hidden)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Scores of all pairs."""
        left, right = self.left(x), self.right(y)
        scores: Tensor = left @ right.T / left.shape[1] ** 0.5
        return scores


class MutualInformation(nn.Module):
    """Minus the mutual information of student and teacher, as MI-alpha of Distiller (arXiv 2109.08359) has it.

    Critic and q are trained along with the student: all of them raise the bound.

    Args:
        student_width: width of the student's features.
        teacher_width: width of the teacher's features.
        alpha: weight of the batch's own m against the learned q; larger has less variance and more bias.
            (default: 0.9)
        critic: module that scores all pairs of teacher and student features. (default: :class:`SeparableCritic`)

    Raises:
        ValueError: alpha is outside [0, 1].

    Shapes:
        student ``[n, student_width]``, teacher ``[n, teacher_width]``; further dimensions are averaged out. Returns
        ``[n]``, whose mean is the loss of the batch; zeros for fewer than 3 rows.

    Example:
        >>> loss = MutualInformation(4, 6)
        >>> loss(torch.rand(8, 4), torch.rand(8, 6)).shape
        torch.Size([8])
    """

    def __init__(self, student_width: int, teacher_width: int, alpha: float = 0.9, critic: nn.Module | None = None):
        super().__init__()
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
        self.alpha = alpha
        self.critic = SeparableCritic(teacher_width, student_width) if critic is None else critic
        self.log_q = _perceptron(student_width, HIDDEN, 1)

    def forward(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """Minus the estimate of each row; ``y`` is not used."""
        if len(student) < 3:
            return student.flatten(1).sum(1) * 0
        student, teacher = pooled(student, len(student)), pooled(teacher, len(teacher))
        return -mutual_information(self.critic(teacher, student), self.log_q(student).squeeze(1), self.alpha)


def _perceptron(width: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, out))
