"""The methods: each module is one, found by import, with a docstring, a ``PAPER``, and ``recipe`` or ``select``."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from types import ModuleType


def names() -> list[str]:
    """Names of all methods, in the words of the command line.

    Example:
        >>> "dm" in names()
        True
    """
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def find(name: str) -> ModuleType:
    """The module of a method.

    A method that learns has ``recipe(per_class) -> Recipe``; one that selects has
    ``select(real, per_class, generator) -> Tensor`` of image numbers.

    Raises:
        ValueError: there is no method of this name.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ValueError(f"--method {name!r} is unknown.{hint} Choices: {', '.join(names())}; list prints them all")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def about(name: str) -> tuple[str, str]:
    """A line on a method, and its paper."""
    module = find(name)
    return (module.__doc__ or "").partition("\n")[0], module.PAPER
