"""The methods: each module is one, with a docstring, ``PAPER``, ``FOR``, and ``recipe`` or ``select``."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from types import ModuleType

from graphdistill.condense.real import Kind


def names() -> list[str]:
    """Names of all methods, in the words of the command line.

    Example:
        >>> "dm" in names()
        True
    """
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def find(name: str, kind: Kind | None = None) -> ModuleType:
    """The module of a method.

    It names in ``FOR`` the kinds of data that it is for. A method that learns has ``recipe(setting) -> Recipe``; one
    that selects has ``select(setting) -> SyntheticSet``.

    Args:
        name: of the method.
        kind: of the data that it is asked of. (default: any)

    Raises:
        ValueError: there is no method of this name, or it is for other data.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ValueError(f"--method {name!r} is unknown.{hint} Choices: {', '.join(names())}; list prints them all")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    if kind is not None and kind not in module.FOR:
        raise ValueError(
            f"--method {name} is for {' and '.join(module.FOR)}, but the data set holds {kind}; "
            f"for {kind} choose from {', '.join(n for n in names() if kind in find(n).FOR)}"
        )
    return module


def about(name: str) -> tuple[str, str]:
    """A line on a method, and its paper."""
    module = find(name)
    return (module.__doc__ or "").partition("\n")[0], module.PAPER
