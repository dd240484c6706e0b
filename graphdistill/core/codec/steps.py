"""Floats as multiples of a step, which are integers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LARGEST = 2.0**62
"""Multiples stay below this number, well within 64 bits."""


def to_steps(values: Tensor, step: float | None, name: str) -> Tensor:
    """The nearest multiple of ``step`` of each value, long; integers as they are, in their type.

    Args:
        values: floats or integers, any shape.
        step: the step; ``None`` if only integers may come.
        name: what the values are, for errors.

    Raises:
        ValueError: there are floats and no step, the step is not above 0, or a multiple has more than 64 bits.

    Example:
        >>> to_steps(torch.tensor([0.5, -1.26]), 0.25, "x").tolist()
        [2, -5]
    """
    if not values.is_floating_point():
        if values.dtype in (torch.uint64, torch.complex64, torch.complex128):
            raise ValueError(f"{name} is of {values.dtype}, which 64-bit integers cannot hold; give int64 or floats")
        return values
    if step is None:
        raise ValueError(
            f"{name} holds floats, and only integers are coded; give step=, of which each value becomes the nearest "
            "multiple"
        )
    if not (math.isfinite(step) and step > 0):
        raise ValueError(f"step must be above 0, got {step}")
    multiple = (values.double() / step).round()
    if not bool((multiple.abs() < LARGEST).all()):  # NaN fails, too
        worst = values.flatten()[int((~(multiple.abs().flatten() < LARGEST)).nonzero()[0])].item()
        raise ValueError(f"{name} holds {worst}; multiples of step={step} must fit 64 bits, so give a larger step")
    return multiple.long()


def from_steps(multiples: Tensor, step: float) -> Tensor:
    """Multiples of a step as float32.

    Example:
        >>> from_steps(torch.tensor([2, -5]), 0.25).tolist()
        [0.5, -1.25]
    """
    return (multiples.double() * step).float()
