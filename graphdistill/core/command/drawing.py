"""Matplotlib without a window: the only module that imports it, so that no interactive backend is loaded.

Notebooks set ``MPLBACKEND`` for every process that they start. Matplotlib fails to import if the variable
names a backend that is not installed, although files are always drawn by Agg. Figures are made by :class:`Figure`, not
by pyplot, which would load the backend.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def no_backend() -> Iterator[None]:
    """Hide ``MPLBACKEND`` while matplotlib is imported, and set the backend afterwards if it can be used.

    Example:
        >>> with no_backend():
        ...     "MPLBACKEND" in os.environ
        False
    """
    first, wanted = "matplotlib" not in sys.modules, os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if wanted is not None:
            os.environ["MPLBACKEND"] = wanted
            if first and (matplotlib := sys.modules.get("matplotlib")):
                # Code that draws by pyplot later gets the backend of the variable.
                with contextlib.suppress(ValueError):
                    matplotlib.rcParams["backend"] = wanted


with no_backend():
    from matplotlib import colormaps as colormaps
    from matplotlib import rc_context as rc_context
    from matplotlib.axes import Axes as Axes
    from matplotlib.collections import LineCollection as LineCollection
    from matplotlib.colors import to_rgb as to_rgb
    from matplotlib.figure import Figure as Figure
    from matplotlib.patches import Circle as Circle
    from matplotlib.patheffects import AbstractPathEffect as AbstractPathEffect
    from matplotlib.patheffects import withStroke as withStroke
    from matplotlib.text import Text as Text
    from matplotlib.ticker import EngFormatter as EngFormatter
    from matplotlib.ticker import FixedLocator as FixedLocator
    from matplotlib.ticker import FuncFormatter as FuncFormatter
    from matplotlib.ticker import LogLocator as LogLocator
    from matplotlib.ticker import MaxNLocator as MaxNLocator
    from matplotlib.ticker import NullLocator as NullLocator
    from matplotlib.ticker import PercentFormatter as PercentFormatter
