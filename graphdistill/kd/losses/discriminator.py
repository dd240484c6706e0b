"""A discriminator of the student's predictions from the teacher's, against which the student is trained."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.kd.losses.kl import check_logits, log_probabilities


class _Reverse(torch.autograd.Function):
    """The identity, whose gradient has the opposite sign."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return -grad


def reverse_gradient(x: Tensor) -> Tensor:
    """A tensor as it is, whose gradient is multiplied by -1.

    Ganin and Lempitsky, Unsupervised Domain Adaptation by Backpropagation, ICML 2015.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> (3 * reverse_gradient(x)).sum().backward()
        >>> x.grad.tolist()
        [-3.0, -3.0]
    """
    out: Tensor = _Reverse.apply(x)  # type: ignore[no-untyped-call]
    return out


class AdversarialLoss(nn.Module):
    r"""Cross-entropy of a discriminator of two sources of log-probabilities, with the student's gradient reversed.

    .. math:: -\tfrac{1}{2} \left[\log D(\log p_t) + \log\left(1 - D(\log p_s)\right)\right]

    A step down this loss makes the discriminator D better and the student's predictions harder to tell from the
    teacher's.

    Args:
        num_classes: classes of both.
        width: width of the two hidden layers of the discriminator. (default: 32)

    Raises:
        ValueError: in a call, the logits are of different rows or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **output**: ``[n]``

    Example:
        >>> AdversarialLoss(3)(torch.rand(4, 3), torch.rand(4, 3)).shape
        torch.Size([4])
    """

    def __init__(self, num_classes: int, width: int = 32):
        super().__init__()
        self.score = nn.Sequential(
            nn.Linear(num_classes, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
        )

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of each row."""
        check_logits(student, teacher)
        ours, theirs = (self.score(log_probabilities(z))[:, 0] for z in (reverse_gradient(student), teacher.detach()))
        return (F.softplus(ours) + F.softplus(-theirs)) / 2
