"""Schedules of weights and temperatures over a training: functions of the share that is done."""

from __future__ import annotations

import math
from typing import Literal

Shape = Literal["linear", "cosine"]


def scheduled(start: float, end: float, fraction_done: float, shape: Shape = "linear") -> float:
    r"""A value that goes from ``start`` to ``end`` while the training goes on.

    .. math:: v(u) = a + (b - a) \, s(u), \quad s(u) = u \text{ or } \tfrac{1}{2} (1 - \cos \pi u)

    Args:
        start: value a at the beginning.
        end: value b at the end.
        fraction_done: share u of the training that is done, from 0 to 1.
        shape: ``linear`` or ``cosine``, which begins and ends slowly. (default: ``linear``)

    Example:
        >>> scheduled(4.0, 1.0, 0.5), round(scheduled(0.0, 1.0, 0.25, "cosine"), 3)
        (2.5, 0.146)
    """
    share = fraction_done if shape == "linear" else 0.5 * (1 - math.cos(math.pi * fraction_done))
    return start + (end - start) * share


def warmed_up(value: float, fraction_done: float, share: float) -> float:
    """A value that grows from 0 on a line over the first ``share`` of the training and then stays.

    Example:
        >>> warmed_up(2.0, 0.05, 0.1), warmed_up(2.0, 0.5, 0.1), warmed_up(2.0, 0.0, 0.0)
        (1.0, 2.0, 2.0)
    """
    return value * min(1.0, fraction_done / share) if share else value
