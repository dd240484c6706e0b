"""What a network of known classes says about samples of novel ones, weighted by how related a sample is to them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.kd.losses.kl import check_above_zero, log_probabilities


def relation_weights(logits: Tensor, num_known: int, temperature: float = 1.0) -> Tensor:
    r"""Weight of each sample: the probability that it gives to the known classes; the mean is one (Cr-KD).

    .. math:: w_i = \frac{a_i}{\tfrac{1}{n} \sum_j a_j}, \quad a_i = \sum_{c \le K} \mathrm{softmax}(z_i / T)_c

    Gradient flows through them, as in the published code (Gu et al., ICCV 2023).

    Args:
        logits: of known and novel classes, the known ones first, ``[n, C]``.
        num_known: number of known classes K.
        temperature: T. (default: 1)

    Returns:
        ``[n]``.

    Example:
        >>> relation_weights(torch.tensor([[9.0, 0.0, 0.0], [0.0, 0.0, 9.0]]), 2)
        tensor([1.9995e+00, 4.9346e-04])
    """
    log_known = log_probabilities(logits, temperature)[:, :num_known].logsumexp(dim=1)
    # Relative to the largest, so that samples far from all known classes do not make the mean underflow.
    part = (log_known - log_known.detach().max()).exp()
    return part / part.mean()


@dataclass(frozen=True)
class ClassRelation:
    r"""Distillation of the known classes on samples that may belong to novel ones, weighted by their relation (Cr-KD).

    .. math:: T^2 \, w_i \Big(-\sum_{c \le K} p_c \log q_c\Big), \quad p = \mathrm{softmax}(z_t / T \kappa),
        \quad q = \mathrm{softmax}(z_{s, \le K} / T \kappa)

    Gu et al., Class-relation Knowledge Distillation for Novel Class Discovery, ICCV 2023.

    Args:
        temperature: T, above 0. (default: 4)
        scale: :math:`\kappa`, above 0; 0.1 for logits that are cosines, 1 for others. (default: 1)

    Raises:
        ValueError: an argument is not above 0, or, in a call, the student has fewer classes than the teacher.

    Shapes:
        - **student**: logits of known and novel classes, ``[n, C]``; **teacher**: of known ones, ``[n, K]``
        - **output**: ``[n]``

    Example:
        >>> z = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
        >>> [round(value, 4) for value in ClassRelation(temperature=1.0)(z, z[:, :2]).tolist()]
        [0.59, 0.2669]
    """

    temperature: float = 4.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_above_zero(self, "temperature", "scale")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; labels are not used."""
        known = teacher.shape[1]
        if student.ndim != 2 or student.shape[1] < known or len(student) != len(teacher):
            raise ValueError(
                "the student needs a row for each of the teacher's and its classes first, "
                f"got {list(student.shape)} and {list(teacher.shape)}"
            )
        t = self.temperature * self.scale
        target = log_probabilities(teacher.detach(), t).exp()
        cross = -(target * log_probabilities(student[:, :known], t)).sum(dim=1)
        return self.temperature**2 * relation_weights(student, known, t) * cross


@torch.no_grad()
def sinkhorn_labels(logits: Tensor, epsilon: float = 0.05, rounds: int = 3) -> Tensor:
    r"""Pseudo-labels that use all clusters equally, by Sinkhorn-Knopp (Caron et al., SwAV, NeurIPS 2020).

    .. math:: Q \propto \exp(z / \epsilon), \quad \text{columns and rows normalised in turn}

    Args:
        logits: ``[n, K]``.
        epsilon: the smaller, the closer to one cluster each. (default: 0.05)
        rounds: rounds of normalising. (default: 3)

    Returns:
        Probabilities ``[n, K]``.

    Example:
        >>> sinkhorn_labels(torch.tensor([[0.0, 0.1], [0.0, 0.3]])).argmax(dim=1).tolist()
        [0, 1]
    """
    log_q = logits / epsilon
    for _ in range(rounds):
        log_q = log_q - log_q.logsumexp(dim=0, keepdim=True)
        log_q = log_q - log_q.logsumexp(dim=1, keepdim=True)
    return log_q.exp()
