"""The settings of Mirage, and the options of its command."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from graphdistill.core.parallel import check_jobs


@dataclass(frozen=True, kw_only=True)
class MirageConfig:
    """How much is kept and how trees are grown; at most one of thresholds, bytes, fraction and lossless is given.

    Raises:
        ValueError: a setting is out of range, or two sizes are asked for at once.

    Example:
        >>> MirageConfig(fraction=0.05).hops
        2
    """

    hops: int = 2
    """Depth of the computation trees; networks of that many layers are exact on them."""
    thresholds: tuple[int, ...] | None = None
    """Keep closed frequent tree sets: the least support in each class, class 0 first."""
    bytes: int | None = None
    """Budget for the distilled set in bytes of payload."""
    fraction: float | None = None
    """Budget as a share of the training split's raw bytes (default 0.01 when no size is given)."""
    lossless: bool = False
    """Keep the whole training split, every distinct tree written once."""
    verify: bool = False
    """Check the classes of equal trees exactly instead of trusting their 128-bit ids."""

    def __post_init__(self) -> None:
        if self.hops < 0:
            raise ValueError(f"--hops must be 0 or more, got {self.hops}")
        given = [
            f"--{name}"
            for name in ("thresholds", "bytes", "fraction", "lossless")
            if getattr(self, name) not in (None, False)
        ]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} each set the size; give one of them")
        if self.thresholds is not None and (not self.thresholds or min(self.thresholds) < 1):
            raise ValueError(f"--thresholds takes one support of 1 or more per class, got {self.thresholds}")
        if self.bytes is not None and self.bytes < 1:
            raise ValueError(f"--bytes must be 1 or more, got {self.bytes}")
        if self.fraction is not None and not (math.isfinite(self.fraction) and self.fraction > 0):
            raise ValueError(f"--fraction must be above 0, got {self.fraction}; 0.01 is one percent of the raw bytes")


@dataclass(frozen=True, kw_only=True)
class Command(MirageConfig):
    """Options of the command."""

    dataset: str = "pains"
    """ogbg-NAME, a TUDataset name, pains, or a CSV file with SMILES."""
    root: Path | None = None
    """Folder of data sets (default: $GRAPHDISTILL_DATA, else the user cache)."""
    output: Path = Path("runs/mirage")
    """Folder for the set, results.json, results.csv and figure.png."""
    protocol: Literal["honest", "paper"] = "honest"
    """How it is judged: on equal terms with baselines, or as published."""
    networks: tuple[Literal["GCN", "GraphSAGE", "GAT", "GIN"], ...] = ("GCN", "GAT", "GIN")
    """Networks that are trained on every set."""
    seeds: int = 5
    """Trainings of each network on each set."""
    seed: int = 0
    """Seed of distilling and of the data split."""
    smiles_column: str = "smiles"
    """Column of a CSV file that holds SMILES."""
    label_column: str = "y"
    """Column or columns (a,b,c) of a CSV file that hold labels."""
    jobs: int | None = None
    """Processes of one thread each that work side by side (default: one for each core that may be used)."""
    skip_invalid: bool = False
    """Leave out rows of a CSV file whose SMILES or label cannot be used."""
    quiet: bool = False
    """No progress bars, no table."""
    debug: bool = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hops < 1:
            raise ValueError(f"--hops must be 1 or more to train networks, got {self.hops}")
        if self.seeds < 1:
            raise ValueError(f"--seeds must be 1 or more, got {self.seeds}")
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, got {self.seed}")
        check_jobs(self.jobs, "--jobs")
        if not self.networks:
            raise ValueError("--networks is empty; give one or more of GCN, GraphSAGE, GAT, GIN")

    @property
    def distilling(self) -> MirageConfig:
        """The part that distilling needs."""
        return MirageConfig(**{f.name: getattr(self, f.name) for f in fields(MirageConfig)})
