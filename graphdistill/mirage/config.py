"""The settings of Mirage, in the words of the command line."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MirageConfig:
    """How much is kept and how trees are grown; at most one of thresholds, bytes, fraction and lossless is given.

    Raises:
        ValueError: a setting is out of range, or two sizes are asked for at once.

    Example:
        >>> MirageConfig(fraction=0.05).hops
        2
    """

    hops: int = 2
    """Depth of the computation trees; networks of that many layers are exact on them."""
    thresholds: tuple[int, ...] | None = None
    """Keep closed frequent tree sets: the least support in each class, class 0 first."""
    bytes: int | None = None
    """Budget for the distilled set in bytes of payload."""
    fraction: float | None = None
    """Budget as a share of the training split's raw bytes (default 0.01 when no size is given)."""
    lossless: bool = False
    """Keep the whole training split, every distinct tree written once."""
    verify: bool = False
    """Check the classes of equal trees exactly instead of trusting their 128-bit ids."""

    def __post_init__(self) -> None:
        if self.hops < 0:
            raise ValueError(f"--hops must be 0 or more, got {self.hops}")
        given = [
            f"--{name}"
            for name in ("thresholds", "bytes", "fraction", "lossless")
            if getattr(self, name) not in (None, False)
        ]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} each set the size; give one of them")
        if self.thresholds is not None and (not self.thresholds or min(self.thresholds) < 1):
            raise ValueError(f"--thresholds takes one support of 1 or more per class, got {self.thresholds}")
        if self.bytes is not None and self.bytes < 1:
            raise ValueError(f"--bytes must be 1 or more, got {self.bytes}")
        if self.fraction is not None and not (math.isfinite(self.fraction) and self.fraction > 0):
            raise ValueError(f"--fraction must be above 0, got {self.fraction}; 0.01 is one percent of the raw bytes")
