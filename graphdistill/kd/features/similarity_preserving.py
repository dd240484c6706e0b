"""Similarity-preserving distillation: entries that are alike to the teacher are so to the student."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class SimilarityPreserving:
    r"""Squared difference of the similarities between all entries of a batch.

    .. math:: \frac{1}{n^2} \left\| G_s - G_t \right\|_F^2, \quad G = \text{rows of } H H^\top \text{ of unit length}

    Tung and Mori, ICCV 2019, https://arxiv.org/abs/1907.09682. The row values, each of one entry's similarities, have
    the batch's value as their mean.

    Args:
        p: norm of the rows; 2 in the paper, 1 in torchdistill 1.1. (default: 2)

    Raises:
        ValueError: p is below 1, or, in a call, student and teacher have different numbers of rows.

    Shapes:
        student and teacher ``[n, ...]``, flattened to vectors whose widths may differ; returns ``[n]``.

    Example:
        >>> import torch
        >>> h = torch.eye(3)
        >>> SimilarityPreserving()(2 * h, h).tolist()
        [0.0, 0.0, 0.0]
    """

    p: float = 2.0

    def __post_init__(self) -> None:
        if not self.p >= 1:
            raise ValueError(f"p must be 1 or more, got {self.p}")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; labels are not used."""
        if len(student) != len(teacher):
            raise ValueError(f"student and teacher must have the same rows, got {len(student)} and {len(teacher)}")
        own, theirs = (F.normalize(flat @ flat.T, p=self.p) for flat in (student.flatten(1), teacher.flatten(1)))
        return (own - theirs).square().mean(1)
