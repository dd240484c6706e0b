"""Nothing asks the network for updates: what other packages do at their import is kept from them."""

from __future__ import annotations

import os
import sys
from types import ModuleType

QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""Environment variables by which Flower and the Hugging Face Hub are asked not to; what a user has set stays."""


def quieten() -> None:
    """Import ogb without the thread that asks PyPI for its newest version, and ask others not to do the like.

    It is called when ``graphdistill`` is imported. Where ogb was imported before, it has asked already.

    Example:
        >>> quieten()
        >>> "ogb" in sys.modules, os.environ["FLWR_TELEMETRY_ENABLED"]
        (True, '0')
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if "ogb" in sys.modules:
        return
    # ogb asks through this package where it can be imported; None makes its import fail.
    missing = ModuleType("missing")
    before = sys.modules.get("outdated", missing)
    sys.modules["outdated"] = None  # type: ignore[assignment]
    try:
        import ogb as ogb
    finally:
        if before is missing:
            del sys.modules["outdated"]
        else:
            sys.modules["outdated"] = before
