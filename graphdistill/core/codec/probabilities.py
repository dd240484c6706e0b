r"""Probabilities as integers: equal steps where the Kullback-Leibler divergence changes evenly.

A probability p has the position i of 0 to M = 1023 with :math:`p = t^2 (3 - 2t)`, :math:`t = i / M`. These positions
are close to the arcsine scale :math:`2 \arcsin \sqrt p`, on which a step costs the same divergence everywhere (Fisher's
variance-stabilising transformation), so few levels suffice where a class is rare; and they are quotients of integers,
which every machine rounds alike. Each column has at most ``2**bits`` equidistant positions in the range of its values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LAST = 1023
"""The position of probability 1."""
_POSITION = np.arange(LAST + 1)
PROBABILITY = _POSITION**2 * (3 * LAST - 2 * _POSITION) / LAST**3
"""The probability of each position, float64."""
_MIDDLE = (PROBABILITY[1:] + PROBABILITY[:-1]) / 2


def quantize(p: Any, bits: int) -> tuple[Any, Any]:
    """Round probabilities to at most ``2**bits`` levels in each column.

    Values that :func:`dequantize` returned come back unchanged, in the same integers.

    Args:
        p: probabilities, float64 ``[n, D]``, NaN for unknown.
        bits: precision, 1 to 8.

    Returns:
        Position of the first level of each column and the distance between its levels, ``[D, 2]``, and the levels from
        0, ``[n, D]``, -1 for unknown.

    Example:
        >>> grid, levels = quantize(np.array([[0.01], [0.02], [0.5], [np.nan]]), 2)
        >>> dequantize(grid, levels).ravel().round(3).tolist()
        [0.036, 0.036, 0.417, nan]
    """
    known = ~np.isnan(p)
    position = np.searchsorted(_MIDDLE, np.nan_to_num(p))
    # Only 0 and 1 themselves are stored as certain.
    position = np.where((p > 0) & (p < 1), position.clip(1, LAST - 1), position)
    grid, levels = np.zeros((p.shape[1], 2), np.int64), np.full(p.shape, -1)
    for column in range(p.shape[1]):
        some = known[:, column]
        if some.any():
            grid[column], levels[some, column] = _levels(position[some, column], 2**bits)
    return grid, levels


def _levels(position: Any, most: int) -> tuple[tuple[int, int], Any]:
    """At most ``most`` equidistant levels of positions: the first, their distance, and the level of each position."""
    low, high = int(position.min()), int(position.max())
    step = max(int(np.gcd.reduce(position - low)), 1)
    if (high - low) // step < most:
        return (low, step), (position - low) // step
    step = -(-(high - low + 1) // most)
    low = min(max(low - (most * step - (high - low + 1)) // 2, 0), LAST + 1 - most * step)
    level = (position - low) // step
    # Levels that are not used are left out, as they will be when what is decoded is coded again.
    least = int(level.min())
    apart = max(int(np.gcd.reduce(level - least)), 1)
    return (low + (step - 1) // 2 + least * step, apart * step), (level - least) // apart


def dequantize(grid: Any, levels: Any) -> Any:
    """The probabilities of levels, float64 ``[n, D]``, NaN for -1; arguments as :func:`quantize` returns them."""
    grid = grid.clip(0, LAST)
    position = (grid[:, 0] + levels.clip(0, 255) * grid[:, 1]).clip(0, LAST)
    return np.where(levels < 0, np.nan, PROBABILITY[position])


def to_conditional(p: Any) -> Any:
    """Of each class but the last the probability given that it is none of those before, ``[n, C - 1]``; NaN for 0 / 0.

    The divergence of the classes is the sum of those of the conditional probabilities, each by how often it matters.

    Example:
        >>> to_conditional(np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])).tolist()
        [[0.5, 0.5], [1.0, nan]]
    """
    left = np.cumsum(p[:, ::-1], axis=1)[:, ::-1][:, :-1]
    with np.errstate(invalid="ignore"):
        return np.where(left > 0, p[:, :-1] / left, np.nan)


def from_conditional(q: Any) -> Any:
    """Probabilities of the classes, ``[n, C]``, from those of :func:`to_conditional`."""
    out, left = [], np.ones(len(q))
    for column in np.nan_to_num(q).T:
        out.append(left * column)
        left = left * (1 - column)
    return np.stack([*out, left], axis=1)
