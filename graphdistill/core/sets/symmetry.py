"""Symmetry groups of images: a set may be extended by the orbit of its images under a group."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

GROUPS: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "identity": (lambda x: x,),
    "flip": (lambda x: x, lambda x: x.flip(-1)),
}
"""Elements of each group as functions of images ``[n, channels, height, width]``, identity first."""
KEY = "orbit"
"""Key in ``meta`` of a set with the name of its group; without it the set is not extended."""


def orbit(x: Tensor, group: str) -> Tensor:
    """Images, followed by their transforms under each further element of a group; differentiable.

    Args:
        x: float ``[n, channels, height, width]``.
        group: ``identity``, or ``flip`` for horizontal mirroring.

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
    """The elements of a group as functions.

    Example:
        >>> len(elements("flip"))
        2
    """
    if group not in GROUPS:
        raise ValueError(f"group {group!r} is unknown; choose from {', '.join(GROUPS)}")
    return GROUPS[group]
