"""The methods, a module each: docstring, ``PAPER``, ``RESULT``, ``FOR``, ``Config`` and ``distill``.

``distill(context, config) -> Generator`` makes the generator; ``context.teacher`` is frozen, and randomness comes from
streams of ``context.stream``.
"""

from __future__ import annotations

from pathlib import Path

from graphdistill.core.methods import Family

FAMILY = Family(__name__, Path(__file__).parent)
