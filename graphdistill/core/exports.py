"""Public names of a package that are imported on first use, so that importing the package costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def on_first_use(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package.

    Args:
        package: its name.
        modules: the module of each public name, or ``module:name`` where it has another name there.

    Raises:
        AttributeError: the returned function raises it for any other name.

    Example:
        >>> on_first_use("demo", {"sqrt": "math"})("sqrt")(4.0)
        2.0
    """

    def getattr_(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, inside = modules[name].partition(":")
        value = getattr(importlib.import_module(module), inside or name)
        if package in sys.modules:
            setattr(sys.modules[package], name, value)
        return value

    return getattr_
