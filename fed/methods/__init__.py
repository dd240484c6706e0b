"""The methods: modules with ``PAPER``, ``RESULT``, ``FOR``, ``TRAIN_ON``, ``LR``, a ``Config`` and a ``Method``.

``TRAIN_ON`` names the data that the method can train on, its default first; ``LR`` is the learning rate of SGD that
validation on the digit domains preferred, for the methods that take images. ``Method`` is a subclass of
:class:`fed.methods._method.Algorithm` that takes the config. A method whose clients make more than plain virtual data
before the first round names in ``START_OPTIONS`` the options that these depend on. ``WITHOUT`` has the options of a
federation that a method has no use for, each with the reason.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

from graphdistill.core.methods import Family, constants

FAMILY = Family(__name__, Path(__file__).parent)

TrainOn = Literal["real", "subset", "virtual", "generated"]


def train_on(name: str) -> tuple[TrainOn, ...]:
    """The data that a method can train on, its default first; the method is not imported.

    Example:
        >>> train_on("fedavg")
        ('real', 'subset', 'virtual', 'generated')
    """
    found: tuple[TrainOn, ...] = _constants(name)["TRAIN_ON"]
    return found


def start_options(name: str) -> tuple[str, ...] | None:
    """Options that a client's tensors before the first round depend on; the method is not imported.

    Returns:
        Their names, or ``None`` for methods whose virtual data are made in the same way.
    """
    found: tuple[str, ...] | None = _constants(name).get("START_OPTIONS")
    return found


def without(name: str) -> dict[str, str]:
    """Options of a federation that do not apply to a method, and why; the method is not imported.

    Example:
        >>> without("fedavg")
        {}
    """
    found: dict[str, str] = _constants(name).get("WITHOUT", {})
    return found


@functools.cache
def _constants(name: str) -> dict[str, Any]:
    return constants(FAMILY.folder / f"{name.replace('-', '_')}.py")
