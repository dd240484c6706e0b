r"""The three levels of MGD: pixels, regions and the whole image; or nodes, communities and the graph.

.. math:: L_{pixel} = CE(z_s, \arg\max z_t), \quad
    L_{region} = \overline{\big(\cos(r_s, r_s) - \cos(r_t, r_t)\big)^2}, \quad
    L_{image} = \sum_c \big| \overline{z_{s,c}} - \overline{z_{t,c}} \big|

:math:`r` are features that are averaged over regions, and :math:`\cos(r, r)` the matrix of their cosines.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def self_similarity(regions: Tensor) -> Tensor:
    """Cosines of all pairs of regions, ``[..., r, r]`` of ``[..., r, d]``.

    Example:
        >>> self_similarity(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])).tolist()
        [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    unit = F.normalize(regions, dim=-1)
    return unit @ unit.transpose(-1, -2)


def region_means(features: Tensor, region: Tensor) -> Tensor:
    """Mean features of each region of a graph, float ``[r, d]``.

    Args:
        features: float ``[n, d]``.
        region: community of each node, long ``[n]``, from 0.

    Example:
        >>> region_means(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1])).tolist()
        [[2.0], [5.0]]
    """
    count = torch.bincount(region)
    total = features.new_zeros(len(count), features.shape[1]).index_add_(0, region, features)
    return total / count.clamp(min=1).unsqueeze(1).to(features)


@dataclass(frozen=True)
class PixelCrossEntropy:
    """Cross-entropy to the class that the teacher, or the label, gives each pixel or node.

    Shapes:
        student and teacher logits ``[n, C, ...]``; y long ``[n, ...]`` takes the teacher's place where it is given,
        and pixels whose y is -1 are left out. Returns ``[n]``, the mean over the pixels of a row.

    Example:
        >>> logits = torch.tensor([[[9.0, 0.0], [0.0, 9.0]]])
        >>> loss = PixelCrossEntropy()
        >>> loss(logits, logits).item() < loss(logits, logits.flip(2)).item()
        True
    """

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row."""
        target = teacher.argmax(1) if y is None else y
        loss = F.cross_entropy(student, target, reduction="none", ignore_index=-1).reshape(len(student), -1)
        return loss.sum(1) / (target.reshape(len(target), -1) >= 0).sum(1).clamp(min=1)


@dataclass(frozen=True)
class RegionSimilarity:
    """Mean squared difference of the cosines between regions.

    Args:
        grid: regions along a side of an image. (default: 7)

    Raises:
        ValueError: ``grid`` is below 1.

    Shapes:
        feature maps ``[n, d, h, w]`` whose widths may differ; returns ``[n]``. With ``region``, communities long
        ``[n]``, nodes ``[n, d]`` of one graph; all n rows have the graph's value.

    Example:
        >>> student, teacher = torch.rand(2, 4, 14, 14), torch.rand(2, 8, 7, 7)
        >>> RegionSimilarity()(student, teacher).shape, RegionSimilarity()(teacher, 2 * teacher).max().item() < 1e-9
        (torch.Size([2]), True)
    """

    grid: int = 7

    def __post_init__(self) -> None:
        if self.grid < 1:
            raise ValueError(f"grid must be 1 or more, got {self.grid}")

    def __call__(
        self, student: Tensor, teacher: Tensor, y: Tensor | None = None, *, region: Tensor | None = None
    ) -> Tensor:
        """The loss of each row; ``y`` is not used."""
        if region is None:
            ours, theirs = (
                F.adaptive_avg_pool2d(maps, self.grid).flatten(2).transpose(1, 2) for maps in (student, teacher)
            )
            return (self_similarity(ours) - self_similarity(theirs)).square().mean((1, 2))
        ours, theirs = region_means(student, region), region_means(teacher, region)
        return (self_similarity(ours) - self_similarity(theirs)).square().mean().expand(len(student))


@dataclass(frozen=True)
class GlobalDifference:
    """Sum over classes of the absolute difference of the mean logits of an image or of a graph.

    Shapes:
        logits ``[n, C, h, w]``, pooled over the pixels of a row; returns ``[n]``. Logits ``[n, C]`` are the nodes of
        one graph, and all n rows have the graph's value.

    Example:
        >>> GlobalDifference()(torch.zeros(1, 2, 3, 3), torch.ones(1, 2, 3, 3)).tolist()
        [2.0]
    """

    def __call__(self, student: Tensor, teacher: Tensor, y: Tensor | None = None) -> Tensor:
        """The loss of each row; ``y`` is not used."""
        if student.ndim == 2:
            return (student.mean(0) - teacher.mean(0)).abs().sum().expand(len(student))
        return (student.flatten(2).mean(2) - teacher.flatten(2).mean(2)).abs().sum(1)
