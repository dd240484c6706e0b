"""L-BFGS for several convex problems at once, which share the passes over the data (Liu and Nocedal, 1989)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MEMORY = 12
"""Pairs of steps and changes of the gradient that are kept."""
MAX_PASSES = 100
"""Most passes over the data."""
TOLERANCE = 1e-7
"""Largest part of the value that one more Newton step is expected to gain at the end."""


def minimise(
    evaluate: Callable[[Array], tuple[Array, Array]],
    start: Array,
    conditioner: Callable[[Array], Array],
    *,
    tolerance: float = TOLERANCE,
    note: Callable[[str], object] = lambda text: None,
) -> Array:
    """Minimise smooth convex functions of a vector each.

    Args:
        evaluate: values ``[C]`` and gradients ``[C, n]`` at ``[C, n]``.
        start: where to begin, ``[C, n]``.
        conditioner: multiplies ``[C, n]`` by approximate inverses of the curvatures.
        tolerance: as ``TOLERANCE``.
        note: is called with the state after each pass. (default: nothing is)

    Returns:
        The minimisers, ``[C, n]``.

    Example:
        >>> target = np.array([[1.0, -2.0]])
        >>> minimise(lambda w: (((w - target) ** 2).sum(axis=1), 2 * (w - target)), 0 * target, lambda g: g / 2)
        array([[ 1., -2.]])
    """
    point = start.copy()
    value, gradient = evaluate(point)
    pairs: list[tuple[Array, Array]] = []
    step = np.ones(len(point))
    direction = _direction(gradient, pairs, conditioner)
    for number in range(1, MAX_PASSES):
        slope = (gradient * direction).sum(axis=1)
        open_ = -slope > 2 * tolerance * np.maximum(np.abs(value), 1e-12)
        note(f"pass {number}: loss {value.sum():.6g}")
        if not open_.any():
            break
        trial = point + np.where(open_, step, 0.0)[:, None] * direction
        new_value, new_gradient = evaluate(trial)
        accepted = new_value <= value + 1e-4 * np.where(open_, step, 0.0) * slope
        if not accepted[open_].all():
            rejected = open_ & ~accepted
            if (step[rejected] < 1e-6).any():
                break  # as exact as the sums are
            step[rejected] /= 4
            trial = np.where(rejected[:, None], point, trial)
            new_value = np.where(rejected, value, new_value)
            new_gradient = np.where(rejected[:, None], gradient, new_gradient)
        moved, change = trial - point, new_gradient - gradient
        point, value, gradient = trial, new_value, new_gradient
        if accepted[open_].any():
            pairs = [*pairs, (moved, change)][-MEMORY:]
        direction = _direction(gradient, pairs, conditioner)
        step = np.where(open_ & ~accepted, step, 1.0)
    return point


def _direction(gradient: Array, pairs: list[tuple[Array, Array]], conditioner: Callable[[Array], Array]) -> Array:
    """Minus the product of the approximate inverse curvature and the gradient, by the two loops of L-BFGS."""
    q = gradient.copy()
    kept = []
    for moved, change in reversed(pairs):
        product = (moved * change).sum(axis=1)
        good = product > 1e-12 * (change * change).sum(axis=1)
        rho = np.where(good, 1 / np.where(good, product, 1.0), 0.0)
        alpha = rho * (moved * q).sum(axis=1)
        q -= alpha[:, None] * change
        kept.append((moved, change, rho, alpha))
    q = conditioner(q)
    for moved, change, rho, alpha in reversed(kept):
        beta = rho * (change * q).sum(axis=1)
        q += (alpha - beta)[:, None] * moved
    return -q
