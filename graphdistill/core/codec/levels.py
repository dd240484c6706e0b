"""Many values as few levels: a model learns which level a value has, and all variables share the rest."""

from __future__ import annotations

import torch
from torch import Tensor


def value_levels(count: Tensor, most: int) -> Tensor:
    """Divide values into at most ``most`` levels of neighbouring values, about equally frequent.

    A value that is more frequent than a level should be is a level of its own.

    Args:
        count: occurrences of each value, ``[K]``.
        most: largest number of levels.

    Returns:
        Level of each value, long ``[K]``; it never falls.

    Raises:
        ValueError: ``most`` is below 1.

    Example:
        >>> value_levels(torch.tensor([90, 1, 1, 1, 1, 6]), 3).tolist()
        [0, 1, 1, 1, 1, 2]
    """
    if most < 1:
        raise ValueError(f"levels must be 1 or more, got {most}")
    if len(count) <= most:
        return torch.arange(len(count))
    share, out = (count.double() + 0.5).tolist(), list[int]()
    left, level, held = sum(share), 0, 0.0
    for part in share:
        # The levels that are left divide the values that are left; the last one takes all of them.
        mean = left / (most - level)
        if held and level < most - 1 and held + part / 2 > mean:
            left, level, held = left - held, level + 1, 0.0
        held += part
        out.append(level)
    return torch.tensor(out)
