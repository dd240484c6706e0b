"""What holds for all tests."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import settings

import graphdistill as graphdistill  # first, so that ogb does not ask the network for updates, whatever imports it

# torch's compiler finds the programs that it keeps without asking which vector instructions they are for, and those for
# one kind of processor do not compile for another.
if capability := os.environ.get("ATEN_CPU_CAPABILITY"):
    folder = Path(tempfile.gettempdir(), f"torchinductor-{os.getuid()}-{capability}")
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))

# Commands take a process for each core by default; tests run side by side themselves.
os.environ["LOKY_MAX_CPU_COUNT"] = "1"

# How long an example takes says how busy the machine is, not whether it is right.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
