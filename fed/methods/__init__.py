"""Methods of federated learning, each in a module of its own name that holds its ``Method``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from graphdistill.core import methods

if TYPE_CHECKING:
    from fed.methods._method import Algorithm

_FOLDER = Path(__file__).parent


def _variants(name: str) -> tuple[str, ...]:
    """What a method declares as its variants, without importing it."""
    declared = methods.constants(_FOLDER / "_method.py", "Algorithm")
    declared |= methods.constants(_FOLDER / f"{name}.py", "Method")
    variants: tuple[str, ...] = declared["variants"]
    return variants


_VARIANTS = {name: _variants(name) for name in methods.names(_FOLDER)}
ON_ANYTHING = tuple(name for name, variants in _VARIANTS.items() if "virtual" in variants)
"""Those that train on what they are given."""
METHODS = tuple("-".join((name, *more)) for name in _VARIANTS for more in ((), *((v,) for v in _VARIANTS[name])))
"""All that ``--method`` takes."""


def method_of(name: str) -> Algorithm:
    """The method in the module ``name``.

    Example:
        >>> method_of("fedavg").paper.startswith("McMahan")
        True
    """
    made: Algorithm = importlib.import_module(f"fed.methods.{name}").Method()
    return made
