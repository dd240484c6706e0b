r"""The norm and direction loss of KD++: embeddings that are long and point to their class mean.

.. math:: L_i = 1 - \frac{\langle h_{s,i}, e_{y_i} \rangle}{\max(\|h_{s,i}\|, \|h_{t,i}\|)},
    \qquad e_c = \frac{\mu_c}{\|\mu_c\|}

:math:`\mu_c` is the mean of the teacher's embeddings of class :math:`c`. While the student's embedding is shorter than
the teacher's, the loss falls with its norm and with its angle to :math:`e_y`; above it, with the angle alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def class_means(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Mean features of each class, float ``[C, d]``; zeros for a class without entries.

    Args:
        features: float ``[n, d]``.
        y: classes, long ``[n]``; entries whose class is -1 are left out.
        num_classes: the number C of classes.

    Example:
        >>> class_means(torch.tensor([[0.0, 2.0], [2.0, 2.0], [5.0, 5.0]]), torch.tensor([0, 0, -1]), 2).tolist()
        [[1.0, 2.0], [0.0, 0.0]]
    """
    known = y >= 0
    total = features.new_zeros(num_classes, features.shape[1]).index_add_(0, y[known], features[known])
    count = torch.bincount(y[known], minlength=num_classes).clamp(min=1)
    return total / count.unsqueeze(1).to(features)


@dataclass(frozen=True, eq=False)
class NormDirection:
    """Norm and direction loss of KD++ (https://arxiv.org/abs/2305.17007).

    Args:
        means: the teacher's class means, float ``[C, d]``, as of :func:`class_means`.

    Raises:
        ValueError: the widths of student, teacher and means differ, or labels are missing (on call).

    Shapes:
        student and teacher ``[n, d]``, y long ``[n]``; returns ``[n]``, 0 where y is -1.

    Example:
        >>> loss = NormDirection(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
        >>> teacher = torch.tensor([[4.0, 0.0]])
        >>> [loss(torch.tensor([[x, 0.0]]), teacher, torch.tensor([0])).item() for x in (1.0, 2.0, 4.0, 8.0)]
        [0.75, 0.5, 0.0, 0.0]
    """

    means: Tensor

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row."""
        if y is None:
            raise ValueError("y is None, but the norm and direction loss needs the class of each row; give labels")
        if not student.shape[1:] == teacher.shape[1:] == self.means.shape[1:]:
            raise ValueError(
                f"student, teacher and means must have the same width, got {tuple(student.shape)}, "
                f"{tuple(teacher.shape)} and {tuple(self.means.shape)}; project the student's features"
            )
        direction = F.normalize(self.means, dim=1)[y.clamp(min=0)]
        norm = torch.maximum(student.norm(dim=1), teacher.norm(dim=1)).clamp(min=torch.finfo(student.dtype).tiny)
        return (1 - (student * direction).sum(1) / norm) * (y >= 0)


def norm_and_cosine(features: Tensor, means: Tensor, y: Tensor) -> tuple[float, float]:
    """Mean norm of features, and their mean cosine to the mean of their class.

    Args:
        features: float ``[n, d]``.
        means: float ``[C, d]``.
        y: classes, long ``[n]``.

    Example:
        >>> norm_and_cosine(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
        (5.0, 0.6000000238418579)
    """
    cosine = F.cosine_similarity(features, means[y], dim=1)
    return float(features.norm(dim=1).mean()), float(cosine.mean())
