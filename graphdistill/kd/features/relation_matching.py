"""Relation matching: the cosines between the hidden features of nodes are those of the teacher."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.kd.features.similarity import self_similarity


@dataclass(frozen=True)
class RelationMatching:
    r"""Relation matching (NOSMOG: Tian et al., ICLR 2023, https://openreview.net/forum?id=Cs3r5KLdoj).

    .. math:: L = \frac{1}{m^2} \sum_{ij} \bigl(\cos(h_i, h_j) - \cos(t_i, t_j)\bigr)^2

    over m random rows of a batch, with hidden features h of the student and t of the teacher, whose widths may differ.

    Args:
        size: largest number m of rows, which bounds the memory of the cosines. (default: 512)

    Raises:
        ValueError: ``size`` is below 1.

    Shapes:
        features ``[n, d]`` and ``[n, e]``; returns ``[n]``, 0 for rows that are not drawn, with the mean L.

    Example:
        >>> student = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> RelationMatching()(student, 3 * student).tolist(), RelationMatching()(student, torch.ones(2, 4)).tolist()
        ([0.0, 0.0], [0.5, 0.5])
    """

    size: int = 512

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be 1 or more, got {self.size}")

    def __call__(
        self, student: Tensor, teacher: Tensor, y: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """The loss of each row; ``y`` is not used, and ``generator`` draws the rows if there are more than ``size``."""
        count = len(student)
        some = torch.randperm(count, generator=generator)[: self.size].to(student.device)
        difference = (self_similarity(student[some]) - self_similarity(teacher[some])).square().mean(dim=1)
        return student.new_zeros(count).index_copy(0, some, difference * (count / len(some)))
