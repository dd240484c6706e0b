"""The methods: each module is one, with a docstring, ``PAPER``, ``FOR``, and ``recipe`` or ``select``."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from graphdistill.core import methods

if TYPE_CHECKING:
    from graphdistill.condense.data.training_data import Kind

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Names of all methods, in the words of the command line.

    Example:
        >>> "dm" in names()
        True
    """
    return [name.replace("_", "-") for name in methods.names(_FOLDER)]


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
    check(name, kind)
    return importlib.import_module(f"{__name__}.{_path(name).stem}")


def check(name: str, kind: Kind | None = None) -> None:
    """Refuse what :func:`find` refuses, without importing the method."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ValueError(f"--method {name!r} is unknown.{hint} Choices: {', '.join(names())}; list prints them all")
    if kind is not None and kind not in kinds(name):
        raise ValueError(
            f"--method {name} is for {' and '.join(kinds(name))}, but the data set holds {kind}; "
            f"for {kind} choose from {', '.join(n for n in names() if kind in kinds(n))}"
        )


def about(name: str) -> tuple[str, str]:
    """A line on a method, and its paper; the method is not imported."""
    return methods.summary(_path(name)), methods.constants(_path(name))["PAPER"]


def kinds(name: str) -> tuple[Kind, ...]:
    """The kinds of data that a method is for; the method is not imported.

    Example:
        >>> kinds("dq")
        ('images', 'nodes')
    """
    found: tuple[Kind, ...] = methods.constants(_path(name))["FOR"]
    return found


def _path(name: str) -> Path:
    return _FOLDER / f"{name.replace('-', '_')}.py"
