"""The methods, a module each: docstring, ``PAPER``, ``RESULT``, ``FOR``, ``Config``, and ``objective`` or ``distill``.

A method with the usual loop has ``objective(context, config) -> Objective``; one with a loop of its own has
``distill(context, config) -> FitResult`` and trains ``context.student`` in place.
"""

from __future__ import annotations

from pathlib import Path

from graphdistill.core.methods import Family

FAMILY = Family(__name__, Path(__file__).parent)
