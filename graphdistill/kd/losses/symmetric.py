"""The mean of the Kullback-Leibler divergences in both directions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graphdistill.kd.losses.kl import KD, ReverseKL, check_above_zero


@dataclass(frozen=True)
class SymmetricKL:
    r"""Mean of the KL divergences of student and teacher from each other, without a mixture of them.

    .. math:: \frac{T^2}{2} \left[\mathrm{KL}(p_t \,\|\, p_s) + \mathrm{KL}(p_s \,\|\, p_t)\right], \quad
        p = \mathrm{softmax}(z / T)

    Cui et al., 2021, https://arxiv.org/abs/2103.05959, as in the released code, where it is called Jensen-Shannon
    divergence; that one is :class:`~graphdistill.kd.losses.jsd.JSD`.

    Args:
        temperature: T, above 0. (default: 1)

    Raises:
        ValueError: the temperature is not above 0, or, in a call, the logits are of different rows or classes.

    Shapes:
        - **student**, **teacher**: logits ``[n, C]``
        - **output**: ``[n]``

    Example:
        >>> import torch
        >>> round(SymmetricKL()(torch.zeros(1, 2), torch.tensor([[0.0, 2.0]])).item(), 4)
        0.3808
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_above_zero(self, "temperature")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; labels are not used."""
        both = KD(self.temperature)(student, teacher) + ReverseKL(self.temperature)(student, teacher)
        return both / 2
