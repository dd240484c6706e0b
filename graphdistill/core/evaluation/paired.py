"""Paired comparison of two models over the same seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Paired:
    """Differences of two models, seed by seed.

    Attributes:
        mean: mean difference.
        error: standard error of the mean; NaN for a single seed.
        wins: seeds in which the first model is better.
        count: number of seeds.

    Example:
        >>> str(paired([0.75, 0.5, 0.625], [0.5, 0.5, 0.5]))
        '+0.125 ± 0.072 (2 of 3 seeds)'
    """

    mean: float
    error: float
    wins: int
    count: int

    def __str__(self) -> str:
        return self._text(1, 3)

    def explained(self) -> str:
        """The same as the end of a sentence, which says what the numbers are.

        Example:
            >>> paired([0.75, 0.5], [0.5, 0.5]).explained()
            '+0.125 ± 0.125 (1 of 2 seeds), mean difference over the same seeds ± its standard error.'
        """
        return f"{self}{', mean difference over the same seeds ± its standard error' if self.count > 1 else ''}."

    def points(self) -> str:
        """The same in percentage points.

        Example:
            >>> paired([0.75, 0.5], [0.5, 0.5]).points()
            '+12.50 ± 12.50 (1 of 2 seeds)'
        """
        return self._text(100, 2)

    def _text(self, scale: float, digits: int) -> str:
        error = f" ± {scale * self.error:.{digits}f}" if self.count > 1 else ""
        seeds = f"{self.wins} of {self.count} seeds" if self.count > 1 else "1 seed"
        return f"{scale * self.mean:+.{digits}f}{error} ({seeds})"


def paired(values: Sequence[float], others: Sequence[float]) -> Paired:
    """Mean difference of two models over the same seeds, and its standard error.

    Args:
        values: scores of a model, one per seed.
        others: scores of the other model, on the same seeds.

    Raises:
        ValueError: the numbers of seeds differ, or there is none.

    Example:
        >>> found = paired([0.75, 0.5], [0.5, 0.5])
        >>> found.mean, found.error, found.wins
        (0.125, 0.125, 1)
    """
    if len(values) != len(others) or not values:
        raise ValueError(f"paired scores need the same seeds, one or more, got {len(values)} and {len(others)}")
    differences = [a - b for a, b in zip(values, others, strict=True)]
    count = len(differences)
    error = statistics.stdev(differences) / math.sqrt(count) if count > 1 else float("nan")
    return Paired(statistics.fmean(differences), error, sum(d > 0 for d in differences), count)
