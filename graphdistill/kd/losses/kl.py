"""Kullback-Leibler divergence of the teacher's and the student's class probabilities, in both directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def check_logits(student: Tensor, teacher: Tensor) -> None:
    """Fail unless both are logits of the same rows over the same classes.

    Raises:
        ValueError: the shapes differ, are not ``[n, C]``, or have fewer than 2 classes.

    Example:
        >>> check_logits(torch.zeros(4, 3), torch.zeros(4, 5))
        Traceback (most recent call last):
        ValueError: student and teacher must give logits [n, C] of the same rows and classes, got [4, 3] and [4, 5]
    """
    if student.shape != teacher.shape or student.ndim != 2:
        shapes = f"{list(student.shape)} and {list(teacher.shape)}"
        raise ValueError(f"student and teacher must give logits [n, C] of the same rows and classes, got {shapes}")
    if student.shape[1] < 2:
        raise ValueError(f"logits need 2 or more classes, got {student.shape[1]}; give a binary task two columns")


def log_probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Logarithms of ``softmax(logits / temperature)``, finite even where a logit is minus infinity.

    Example:
        >>> log_probabilities(torch.tensor([[0.0, -torch.inf]])).exp().tolist()
        [[1.0, 0.0]]
    """
    # 0 * log 0 must be 0 in products with probabilities, forward and backward.
    return finite_log((logits / temperature).log_softmax(-1))


def finite_log(log_p: Tensor) -> Tensor:
    """Log-probabilities with minus infinity replaced by a number that is finite even in sums, with exponential 0.

    Example:
        >>> finite_log(torch.tensor([0.0, -torch.inf])).exp().tolist()
        [1.0, 0.0]
    """
    return log_p.clamp_min(torch.finfo(log_p.dtype).min / 2**20)


def kl_rows(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) of each row of finite log-probabilities, ``[n]``.

    Example:
        >>> p = log_probabilities(torch.tensor([[0.0, 1.0]]))
        >>> kl_rows(p, p).tolist()
        [0.0]
    """
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def labels_or_argmax(y: Tensor | None, teacher: Tensor) -> Tensor:
    """Class of each row, long ``[n]``: its label, or the teacher's most probable class where there is none.

    Args:
        y: classes ``[n]``, -1 where unknown, or soft labels ``[n, C]``, of which the largest counts, or None.
        teacher: the teacher's logits ``[n, C]``.

    Example:
        >>> labels_or_argmax(torch.tensor([0, -1]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])).tolist()
        [0, 1]
    """
    predicted = teacher.argmax(-1)
    if y is None:
        return predicted
    if y.ndim == 2:
        return y.argmax(-1)
    return torch.where(y < 0, predicted, y)


def check_above_zero(loss: object, *names: str) -> None:
    """Fail unless fields of a loss are above 0.

    Raises:
        ValueError: one of them is 0, negative or NaN.
    """
    for name in names:
        if not getattr(loss, name) > 0:
            raise ValueError(f"{name} must be above 0, got {getattr(loss, name)}")


@dataclass(frozen=True)
class KD:
    r"""Knowledge distillation: KL divergence of the student's class probabilities from the teacher's.

    .. math:: T^2 \, \mathrm{KL}\left(p_t \,\|\, p_s\right), \quad p = \mathrm{softmax}(z / T)

    Hinton et al., NIPS workshop 2014, https://arxiv.org/abs/1503.02531. The factor :math:`T^2` keeps the scale of the
    gradient.

    Args:
        temperature: T, above 0. (default: 1)

    Raises:
        ValueError: the temperature is not above 0, or, in a call, the logits are of different rows or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **output**: ``[n]``

    Example:
        >>> round(KD(temperature=2.0)(torch.zeros(1, 2), torch.tensor([[0.0, 2.0]])).item(), 4)
        0.4438
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_above_zero(self, "temperature")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; labels are not used."""
        check_logits(student, teacher)
        t = self.temperature
        return t**2 * kl_rows(log_probabilities(teacher, t), log_probabilities(student, t))


@dataclass(frozen=True)
class ReverseKL:
    r"""Reverse KL divergence, which leaves out what the teacher finds improbable instead of covering all of it.

    .. math:: T^2 \, \mathrm{KL}\left(p_s \,\|\, p_t\right), \quad p = \mathrm{softmax}(z / T)

    Gu et al., MiniLLM: Knowledge Distillation of Large Language Models, ICLR 2024. It is infinite, here a huge finite
    number, where the student gives probability to what the teacher rules out altogether.

    Args:
        temperature: T, above 0. (default: 1)

    Raises:
        ValueError: the temperature is not above 0, or, in a call, the logits are of different rows or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **output**: ``[n]``

    Example:
        >>> round(ReverseKL()(torch.zeros(1, 2), torch.tensor([[0.0, 2.0]])).item(), 4)
        0.4338
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_above_zero(self, "temperature")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; labels are not used."""
        check_logits(student, teacher)
        t = self.temperature
        return t**2 * kl_rows(log_probabilities(student, t), log_probabilities(teacher, t))
