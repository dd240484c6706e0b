"""Methods of federated learning, each in a module of its own name that holds its ``Method``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fed.methods._method import Algorithm

ON_ANYTHING = ("fedavg", "fedprox", "scaffold", "moon", "fedbn", "vhl")
"""Those that train on what they are given."""
METHODS = (
    *(name + data for name in ON_ANYTHING for data in ("", "-subset", "-virtual")),
    "fedlgd",
    "fedmirage",
    "fedmirage-fedavg",
)
"""All that ``--method`` takes."""


def method_of(name: str) -> Algorithm:
    """The method in the module ``name``.

    Example:
        >>> method_of("fedavg").paper.startswith("McMahan")
        True
    """
    made: Algorithm = importlib.import_module(f"fed.methods.{name}").Method()
    return made
