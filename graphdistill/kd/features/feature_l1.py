r"""The feature loss of DMAE: L1 distance of features of unit length, through a projector.

.. math:: L = \Big\| \frac{P(h_s)}{\|P(h_s)\|} - \frac{h_t}{\|h_t\|} \Big\|_1

The projector :math:`P` is a two-layer perceptron to the teacher's width, trained along with the student.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class FeatureL1(nn.Module):
    """L1 distance of normalised features (DMAE, https://arxiv.org/abs/2208.12256).

    Args:
        student_width: width of the student's features.
        teacher_width: width of the teacher's features, also of the projector's hidden layer.

    Raises:
        ValueError: a width is below 1, or the tokens of student and teacher differ in number (on call).

    Shapes:
        student ``[n, ..., student_width]``, teacher ``[n, ..., teacher_width]`` with the same tokens; returns
        ``[n]``, the mean over a row's tokens of the sum over channels.

    Example:
        >>> import torch
        >>> loss = FeatureL1(3, 5)
        >>> loss(torch.rand(4, 7, 3), torch.rand(4, 7, 5)).shape
        torch.Size([4])
    """

    def __init__(self, student_width: int, teacher_width: int):
        super().__init__()
        for name, value in (("student_width", student_width), ("teacher_width", teacher_width)):
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, got {value}")
        self.projector = nn.Sequential(
            nn.Linear(student_width, teacher_width), nn.GELU(), nn.Linear(teacher_width, teacher_width)
        )

    def forward(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; ``y`` is not used."""
        if student.shape[:-1] != teacher.shape[:-1]:
            raise ValueError(
                f"student and teacher must have features of the same tokens, got {tuple(student.shape)} and "
                f"{tuple(teacher.shape)}; give both the same patches"
            )
        gap = F.normalize(self.projector(student), dim=-1) - F.normalize(teacher, dim=-1)
        return gap.abs().sum(-1).reshape(len(gap), -1).mean(1)
