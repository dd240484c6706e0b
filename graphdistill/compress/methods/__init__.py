"""The methods, a module each: docstring, ``PAPER``, ``RESULT``, ``FOR``, ``Config``, ``compress`` and ``baselines``.

``compress(context, config) -> Compressed`` may change ``context.network`` in place; ``baselines(config)`` are the
configs that the method is compared with, by row.
"""

from __future__ import annotations

from pathlib import Path

from graphdistill.core.methods import Family

FAMILY = Family(__name__, Path(__file__).parent)
