"""The methods: each module is one, with a docstring, ``PAPER``, ``FOR``, a ``Config``, and ``recipe`` or ``select``.

A method that learns has ``recipe(setting, config) -> Recipe``; one that selects has
``select(setting, config) -> SyntheticSet``.
"""

from __future__ import annotations

from pathlib import Path

from graphdistill.core.methods import Family

FAMILY = Family(__name__, Path(__file__).parent)
