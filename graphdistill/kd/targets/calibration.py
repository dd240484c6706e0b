"""Targets by how sure the teacher is of the label: left out, the label itself, or the teacher's probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class CalibratedTarget:
    r"""Soft labels of image regions, calibrated by the teacher's confidence p in the label (FerKD, Shen, ICCV 2023).

    .. math:: \text{target} = \begin{cases}
        \text{none} & p < T_L \text{ or } p > T_T \\
        (1 - \epsilon) \, \text{onehot}(y) + \epsilon / C & T_L \le p < T_M \\
        \text{teacher} & T_M \le p \le T_T \end{cases}

    Regions that show nothing of the class, and those that teach nothing more, are left out. The thresholds and the
    smoothing are not published; these were chosen on validation.

    Args:
        low: :math:`T_L`. (default: 0.1)
        middle: :math:`T_M`. (default: 0.3)
        high: :math:`T_T`. (default: 0.999)
        smoothing: :math:`\epsilon`. (default: 0.1)

    Raises:
        ValueError: the thresholds are not 0 to 1 in this order, or the smoothing is not 0 to below 1.

    Shapes:
        - **probabilities**: of the teacher, ``[n, C]``; **y**: long ``[n]``, -1 where there is no label, for which the
          most probable class counts
        - **output**: targets ``[n, C]``, and whether each row has one, bool ``[n]``

    Example:
        >>> p = torch.tensor([[0.05, 0.95], [0.2, 0.8], [0.6, 0.4], [1.0, 0.0]])
        >>> target, keep = CalibratedTarget(smoothing=0.2)(p, torch.zeros(4, dtype=torch.long))
        >>> keep.tolist(), target[1:3]
        ([False, True, True, False], tensor([[0.9000, 0.1000],
                [0.6000, 0.4000]]))
    """

    low: float = 0.1
    middle: float = 0.3
    high: float = 0.999
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.middle <= self.high <= 1:
            raise ValueError(
                f"low, middle and high must be 0 to 1 in this order, got {self.low}, {self.middle} and {self.high}"
            )
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must be 0 to below 1, got {self.smoothing}")

    def __call__(self, probabilities: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Targets, and which rows have one."""
        y = torch.where(y < 0, probabilities.argmax(dim=1), y)
        p = probabilities.gather(1, y.unsqueeze(1)).squeeze(1)
        num_classes = probabilities.shape[1]
        hard = torch.full_like(probabilities, self.smoothing / num_classes)
        hard.scatter_(1, y.unsqueeze(1), 1 - self.smoothing + self.smoothing / num_classes)
        target = torch.where((p < self.middle).unsqueeze(1), hard, probabilities)
        return target, (p >= self.low) & (p <= self.high)


def self_mix(images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, float]:
    """Put a rectangle of one region of each image into another region of the same image (SelfMix of FerKD).

    Args:
        images: pairs of regions, ``[2, n, channels, height, width]``.
        generator: draws the rectangle, whose share of the area is uniform.

    Returns:
        The first regions with the rectangle of the second, ``[n, channels, height, width]``; where it is, bool
        ``[height, width]``; and the share of the first regions that is left, by which their targets are mixed.

    Example:
        >>> pair = torch.stack([torch.zeros(3, 1, 8, 8), torch.ones(3, 1, 8, 8)])
        >>> mixed, where, left = self_mix(pair, torch.Generator().manual_seed(0))
        >>> torch.equal(mixed[0, 0].bool(), where), left == 1 - float(where.float().mean())
        (True, True)
    """
    height, width = images.shape[-2:]
    side = float(torch.rand((), generator=generator)) ** 0.5
    h, w = round(side * height), round(side * width)
    top = int(torch.randint(height - h + 1, (), generator=generator))
    left = int(torch.randint(width - w + 1, (), generator=generator))
    where = torch.zeros(height, width, dtype=torch.bool)
    where[top : top + h, left : left + w] = True
    return torch.where(where.to(images.device), images[1], images[0]), where, 1 - float(where.float().mean())
