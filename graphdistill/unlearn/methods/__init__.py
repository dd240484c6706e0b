"""The methods, a module each: docstring, ``PAPER``, ``RESULT``, ``FOR``, ``Config``, and ``unlearn``.

``unlearn(context, config) -> None`` changes ``context.model`` in place.
"""

from __future__ import annotations

from pathlib import Path

from graphdistill.core.methods import Family

FAMILY = Family(__name__, Path(__file__).parent)
