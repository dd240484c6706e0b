"""Relational distillation: distances and angles between the entries of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST = 1e-6
"""Least distance, so that equal entries have a direction."""


@dataclass(frozen=True)
class RelationalKD:
    r"""Huber losses of distances, relative to their mean, and of cosines of the angles between three entries.

    .. math:: w_D \, \overline{\ell(d^s_{ij} / \bar d^s, \, d^t_{ij} / \bar d^t)} +
        w_A \, \overline{\ell(\cos \angle^s_{jik}, \, \cos \angle^t_{jik})}

    RKD of Park et al., CVPR 2019, https://arxiv.org/abs/1904.05068. Memory grows with the cube of the batch if angles
    count. The row values, of the relations that begin at an entry, have the batch's value as their mean.

    Args:
        distance_weight: :math:`w_D`, 0 or more. (default: 1)
        angle_weight: :math:`w_A`, 0 or more; twice that of distances, as in the paper. (default: 2)

    Raises:
        ValueError: a weight is negative, or, in a call, student and teacher have different numbers of rows.

    Shapes:
        student and teacher ``[n, ...]``, flattened to vectors whose widths may differ; returns ``[n]``, zeros for a
        single row.

    Example:
        >>> h = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> RelationalKD()(3 * h + 1, h).abs().max().item() < 1e-6
        True
    """

    distance_weight: float = 1.0
    angle_weight: float = 2.0

    def __post_init__(self) -> None:
        for name in ("distance_weight", "angle_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; labels are not used."""
        if len(student) != len(teacher):
            raise ValueError(f"student and teacher must have the same rows, got {len(student)} and {len(teacher)}")
        if len(student) < 2:
            return student.flatten(1).sum(1) * 0
        (own, own_unit), (theirs, their_unit) = _relations(student), _relations(teacher.detach())
        value = self.distance_weight * F.smooth_l1_loss(own, theirs, reduction="none").mean(1)
        if self.angle_weight:
            cosines, truth = (unit @ unit.transpose(1, 2) for unit in (own_unit, their_unit))
            value = value + self.angle_weight * F.smooth_l1_loss(cosines, truth, reduction="none").mean((1, 2))
        return value


def _relations(features: Tensor) -> tuple[Tensor, Tensor]:
    """Distances relative to their mean ``[n, n]``, and directions to all others ``[n, n, d]``."""
    h = features.flatten(1)
    n = len(h)
    gap = h - h[:, None]
    distance = gap.square().sum(-1).clamp_min(LEAST**2).sqrt()
    others = distance * ~torch.eye(n, dtype=torch.bool, device=h.device)
    return others / (others.sum() / (n * (n - 1))), gap / distance[:, :, None]
