"""Functions compiled by numba at their first call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """A function that numba compiles at its first call, and keeps compiled where there is a folder for it.

    Example:
        >>> @compiled
        ... def twice(x: float) -> float:
        ...     return 2 * x
        >>> twice(1.5)
        3.0
    """
    out: F
    try:
        out = numba.njit(cache=True)(function)
    except RuntimeError:
        out = numba.njit(function)
    return out
