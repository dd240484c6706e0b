"""Checks of configs, without heavy imports."""

from __future__ import annotations

from collections.abc import Callable


def check_positive(config: object, *names: str, label: Callable[[str], str] = str) -> None:
    """Fail unless fields are 1 or more.

    Args:
        config: has the fields.
        names: their names.
        label: what the error calls a field, a function of its name. (default: the name)

    Raises:
        ValueError: one of them is below 1 or NaN.

    Example:
        >>> from types import SimpleNamespace
        >>> check_positive(SimpleNamespace(steps=0), "steps")
        Traceback (most recent call last):
        ValueError: steps must be 1 or more, got 0
    """
    for name in names:
        if not getattr(config, name) >= 1:
            raise ValueError(f"{label(name)} must be 1 or more, got {getattr(config, name)}")
