"""No network access at import: other packages are kept from checking for updates and from telemetry."""

from __future__ import annotations

import os
import sys
from types import ModuleType

QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""Environment variables that turn off telemetry of Flower and the Hugging Face Hub; values set by the user stay."""


def quieten() -> None:
    """Import ogb without its check for a new version on PyPI, and turn off the telemetry of other packages.

    It is called when ``graphdistill`` is imported. If ogb was imported before, its check has already run.

    Example:
        >>> quieten()
        >>> "ogb" in sys.modules, os.environ["FLWR_TELEMETRY_ENABLED"]
        (True, '0')
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if "ogb" in sys.modules:
        return
    # ogb checks by this package if it can be imported; None makes that import fail.
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
