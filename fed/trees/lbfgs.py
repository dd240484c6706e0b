r"""L-BFGS for one loss under several strengths of regularization, where only evaluations are dear.

.. math:: F_C(w) = C \, f(w) + \tfrac12 \sum_j r_j w_j^2

The differences of gradients that L-BFGS (Liu and Nocedal, 1989, https://doi.org/10.1007/BF01589116) learns curvature
from are kept for f alone; the penalty's curvature is known. So what was learnt at one strength C holds at all others,
and a path of strengths costs little more than its last one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
ARMIJO = 1e-4
"""Share of the decrease that the slope promises that a step must reach."""
HALVINGS = 30
"""Most halvings of a step."""
FLAT_HALVINGS = 3
"""Most halvings of a step along which the values are equal but for rounding."""


@dataclass(frozen=True)
class Point:
    """An evaluated point.

    Attributes:
        w: the point, float64 ``[d]``.
        loss: f at it.
        gradient: of f, float64 ``[d]``.
        rounding: length of the error of the gradient by rounding. (default: 0)
    """

    w: Vector
    loss: float
    gradient: Vector
    rounding: float = 0.0


P = TypeVar("P", bound=Point)


@dataclass
class Lbfgs(Generic[P]):
    """A minimiser that keeps the curvature of all evaluations so far.

    Args:
        evaluate: f and its gradient at a point.
        penalty: r, float64 ``[d]``.
        limit: the most evaluations. (default: 500)

    Example:
        >>> target = np.array([1.0, 2.0])
        >>> solver = Lbfgs(lambda w: Point(w, float(((w - target) ** 2).sum()), 2 * (w - target)), np.ones(2))
        >>> solver.minimise(solver.evaluate(np.zeros(2)), 0.5, 1e-9).w.round(6).tolist()
        [0.5, 1.0]
    """

    evaluate: Callable[[Vector], P]
    penalty: Vector
    limit: int = 500
    evaluations: int = 0
    pairs: list[tuple[Vector, Vector]] = field(default_factory=list)

    def minimise(self, start: P, strength: float, tolerance: float) -> P:
        """Descend until the gradient is as short as ``tolerance`` or rounding allows, or at the limit.

        Args:
            start: where to start.
            strength: C.
            tolerance: length of the gradient of :math:`F_C`; with r of 1, no optimum is farther away than that.
        """
        here = start
        while True:
            slope = self.gradient(here, strength)
            if float(np.linalg.norm(slope)) <= max(tolerance, strength * here.rounding):
                return here
            found = self._step(here, strength, self._direction(slope, strength))
            if found is None:
                return here
            s, y = found.w - here.w, found.gradient - here.gradient
            if s @ y > 1e-12 * (s @ s):
                self.pairs.append((s, y))
            here = found

    def gradient(self, point: Point, strength: float) -> Vector:
        """Gradient of the objective at a point."""
        return strength * point.gradient + self.penalty * point.w

    def _direction(self, slope: Vector, strength: float) -> Vector:
        """The two loops of L-BFGS over all pairs, with their curvature at this strength."""
        q = -slope
        pairs = [(s, strength * y + self.penalty * s) for s, y in self.pairs]
        if not pairs:
            return q / max(1.0, float(np.linalg.norm(q)))
        shares = []
        for s, y in reversed(pairs):
            share = (s @ q) / (s @ y)
            q = q - share * y
            shares.append(share)
        s, y = pairs[-1]
        q = q * ((s @ y) / (y @ y))
        for (s, y), share in zip(pairs, reversed(shares), strict=True):
            q = q + s * (share - (y @ q) / (s @ y))
        return q

    def _step(self, here: P, strength: float, direction: Vector) -> P | None:
        """The first of ever shorter steps that decreases the objective enough; none where rounding hides it."""
        value, slope = self._value(here, strength), float(self.gradient(here, strength) @ direction)
        for halvings in range(HALVINGS):
            if self.evaluations >= self.limit:
                return None
            self.evaluations += 1
            length = 0.5**halvings
            there = self.evaluate(here.w + length * direction)
            gain = value - self._value(there, strength)
            if gain >= -ARMIJO * length * slope:
                return there
            # Near the optimum the values are equal but for rounding, and the slope alone tells.
            flat = abs(gain) <= 1e-10 * abs(value)
            if flat and abs(float(self.gradient(there, strength) @ direction)) <= 0.9 * abs(slope):
                return there
            if flat and halvings >= FLAT_HALVINGS:
                return None
        return None

    def _value(self, point: Point, strength: float) -> float:
        return strength * point.loss + 0.5 * float(self.penalty @ np.square(point.w))
