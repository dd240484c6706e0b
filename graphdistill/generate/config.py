"""Options of generator distillation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphdistill.core.config_checks import check_positive


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """Training of a generator, the same for every method."""

    steps: int = 600
    """Updates of the generator."""
    batch_size: int = 128
    """Entries of an update."""
    lr: float = 3e-4
    """Learning rate of Adam."""
    ema: float = 0.98
    """Decay of the mean of the generator's weights, which is what is kept."""
    sampling_steps: int = 1
    """Evaluations of the generator for an entry."""

    def __post_init__(self) -> None:
        check_positive(self, "steps", "batch_size", "sampling_steps", label=lambda name: f"--{name.replace('_', '-')}")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"--lr must be above 0, got {self.lr}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"--ema must be 0 or more and below 1, got {self.ema}")
