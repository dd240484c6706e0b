"""Targets by how sure the teacher is of the label: left out, the label itself, or the teacher's probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.kd.losses.kl import check_above_zero


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
        temperature: of the teacher's probabilities in targets; confidence is that at temperature 1. (default: 1)

    Raises:
        ValueError: the thresholds are not 0 to 1 in this order, the smoothing is not 0 to below 1, or the temperature
            is not above 0.

    Shapes:
        - **logits**: of the teacher, ``[n, C]``; **y**: long ``[n]``, -1 where there is no label, for which the
          most probable class counts
        - **output**: targets ``[n, C]``, and whether each row has one, bool ``[n]``

    Example:
        >>> p = torch.tensor([[0.05, 0.95], [0.2, 0.8], [0.6, 0.4], [1.0, 0.0]])
        >>> target, keep = CalibratedTarget(smoothing=0.2)(p.log(), torch.zeros(4, dtype=torch.long))
        >>> keep.tolist(), target[1:3]
        ([False, True, True, False], tensor([[0.9000, 0.1000],
                [0.6000, 0.4000]]))
    """

    low: float = 0.1
    middle: float = 0.3
    high: float = 0.999
    smoothing: float = 0.1
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.middle <= self.high <= 1:
            raise ValueError(
                f"low, middle and high must be 0 to 1 in this order, got {self.low}, {self.middle} and {self.high}"
            )
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must be 0 to below 1, got {self.smoothing}")
        check_above_zero(self, "temperature")

    def __call__(self, logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Targets, and which rows have one."""
        probabilities = logits.softmax(dim=1)
        soft = (logits / self.temperature).softmax(dim=1)
        y = torch.where(y < 0, probabilities.argmax(dim=1), y)
        p = probabilities.gather(1, y.unsqueeze(1)).squeeze(1)
        num_classes = probabilities.shape[1]
        hard = torch.full_like(probabilities, self.smoothing / num_classes)
        hard.scatter_(1, y.unsqueeze(1), 1 - self.smoothing + self.smoothing / num_classes)
        target = torch.where((p < self.middle).unsqueeze(1), hard, soft)
        return target, (p >= self.low) & (p <= self.high)
