"""The methods, a module each: docstring, ``PAPER``, ``RESULT``, ``FOR``, ``Config``, and ``recipe`` or ``select``.

A method that learns has ``recipe(context, config) -> Recipe``; one that selects has
``select(context, config) -> SyntheticSet``.
"""

from __future__ import annotations

from pathlib import Path

from graphdistill.core.methods import Family

FAMILY = Family(__name__, Path(__file__).parent)
