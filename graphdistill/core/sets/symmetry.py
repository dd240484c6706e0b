"""What a set of images stands for beside itself: each image and what a group of symmetries makes of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

GROUPS: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "identity": (lambda x: x,),
    "flip": (lambda x: x, lambda x: x.flip(-1)),
}
"""What the elements of each group do to images ``[n, channels, height, width]``; the first one leaves them."""
KEY = "orbit"
"""Where ``meta`` of a set names the group under which it stands for its orbit; without it stands for itself."""


def orbit(x: Tensor, group: str) -> Tensor:
    """Images, then what each further element of a group makes of them; differentiable.

    Args:
        x: float ``[n, channels, height, width]``.
        group: ``identity``, or ``flip`` for left and right exchanged.

    Returns:
        Float ``[n * elements, channels, height, width]``.

    Raises:
        ValueError: the group is unknown.

    Example:
        >>> orbit(torch.tensor([[[[1.0, 2.0]]]]), "flip").tolist()
        [[[[1.0, 2.0]]], [[[2.0, 1.0]]]]
    """
    return torch.cat([move(x) for move in elements(group)])


def elements(group: str) -> tuple[Callable[[Tensor], Tensor], ...]:
    """What the elements of a group do.

    Example:
        >>> len(elements("flip"))
        2
    """
    if group not in GROUPS:
        raise ValueError(f"group {group!r} is unknown; choose from {', '.join(GROUPS)}")
    return GROUPS[group]
