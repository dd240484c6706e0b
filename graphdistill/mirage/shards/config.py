"""Options of distillation by shards, without heavy imports."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from graphdistill.core.config_checks import check_positive
from graphdistill.core.parallel import check_engine

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
"""Bytes of each unit of memory."""
PROCESS_BYTES = 500 * 10**6
"""Memory of a process with all its packages, before it reads a molecule; measured with torch 2.13."""
LEAST_BYTES = 600 * 10**6
"""Least memory of a process."""


@dataclass(frozen=True, kw_only=True)
class ShardsConfig:
    """How a file of molecules is divided, where the work is done, and which trees the model counts.

    Raises:
        ValueError: a field is out of range, or Ray is not installed.

    Example:
        >>> ShardsConfig(engine="serial", shards=4, memory="1.5GB").memory_bytes
        1500000000
    """

    engine: str | None = None
    """Engine of shards: serial, processes, ray, ray://HOST:PORT (default none)."""
    shards: int | None = None
    """Number of shards (default: one for each 32,768 molecules)."""
    memory: str = "2GB"
    """Most memory of a process that works on shards."""
    work: Path | None = None
    """Folder of shards, where a new run goes on (default: OUTPUT-shards)."""
    split_column: str = ""
    """Column of train, valid, test in shards (default: 80/10/10 by SMILES)."""
    min_graphs: int = 5
    """Fewest training molecules of a tree that shards count."""
    min_share: float = 0.0001
    """Least share of training molecules of such a tree."""

    def __post_init__(self) -> None:
        if self.engine is not None:
            check_engine(self.engine, "--engine")
        if self.shards is not None and self.shards < 1:
            raise ValueError(f"--shards must be 1 or more, got {self.shards}")
        check_positive(self, "min_graphs", label=lambda _: "--min-graphs")
        if not (math.isfinite(self.min_share) and 0 <= self.min_share < 1):
            raise ValueError(f"--min-share must be from 0 to below 1, got {self.min_share}")
        if self.memory_bytes < LEAST_BYTES:
            raise ValueError(
                f"--memory {self.memory} is too small: a process takes {PROCESS_BYTES // 10**6} MB before it reads a "
                f"molecule; give {LEAST_BYTES // 10**6}MB or more"
            )

    @property
    def in_shards(self) -> bool:
        """Whether data is read in shards."""
        return self.engine is not None or self.shards is not None

    @property
    def memory_bytes(self) -> int:
        """Memory of a process in bytes.

        Raises:
            ValueError: the text is not a number with a unit.
        """
        return parse_bytes(self.memory)


def parse_bytes(text: str) -> int:
    """Bytes of a text such as ``2GB``, ``1.5 GiB`` or ``800MB``.

    Raises:
        ValueError: it is not a number with a unit.

    Example:
        >>> parse_bytes("2GB"), parse_bytes("1.5GiB")
        (2000000000, 1610612736)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", text.lower())
    if found is None or found[2] not in UNITS:
        raise ValueError(f"--memory must be a number and a unit such as 2GB or 1500MB, got {text!r}")
    return int(float(found[1]) * UNITS[found[2]])
