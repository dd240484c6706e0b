"""Config of Mirage, and the options of its command."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from graphdistill.core.command.base import BaseCommand, check_counts
from graphdistill.mirage.shards.config import ShardsConfig


@dataclass(frozen=True, kw_only=True)
class MirageConfig:
    """Size of the distilled set and depth of its trees; at most one of thresholds, bytes, fraction and lossless is set.

    Raises:
        ValueError: a field is out of range, or two of them set the size.

    Example:
        >>> MirageConfig(fraction=0.05).hops
        2
    """

    hops: int = 2
    """Depth of the trees; networks of up to as many layers are exact."""
    thresholds: tuple[int, ...] | None = None
    """Distil closed frequent tree sets: minimum support, class 0 first."""
    bytes: int | None = None
    """Budget in stored bytes: the length of the set's coded stream."""
    fraction: float | None = None
    """Budget as a share of the bytes of all training graphs (default 0.1)."""
    lossless: bool = False
    """Keep the whole training split."""
    verify: bool = False
    """Check exactly that trees with equal 128-bit ids are equal."""
    label_bits: int = 4
    """Precision of soft labels, and of targets, 1 to 8 bits."""

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
        if not 1 <= self.label_bits <= 8:
            raise ValueError(f"--label-bits must be from 1 to 8, got {self.label_bits}")
        if self.bytes is not None and self.bytes < 1:
            raise ValueError(f"--bytes must be 1 or more, got {self.bytes}")
        if self.fraction is not None and not (math.isfinite(self.fraction) and self.fraction > 0):
            raise ValueError(f"--fraction must be above 0, got {self.fraction}; 0.1 is a tenth of the bytes")

    @property
    def share(self) -> float:
        """Share of the bytes of the whole training split, if no bytes are given."""
        return 0.1 if self.fraction is None else self.fraction


IN_MEMORY = (
    "thresholds",
    "fraction",
    "lossless",
    "verify",
    "protocol",
    "networks",
    "curve",
    "trainings",
    "explain",
    "task",
)
"""Options that data in shards does not have."""
SHARDS = tuple(f.name for f in fields(ShardsConfig) if f.name not in ("engine", "shards"))
"""Options that only data in shards has."""


@dataclass(frozen=True, kw_only=True)
class Command(MirageConfig, ShardsConfig, BaseCommand):
    """Options of the command."""

    dataset: str = "pains"
    """ogbg-NAME, a TU set, pains, or a file of molecules."""
    output: Path = Path("runs/mirage")
    """Folder for the set, report, results and figure."""
    protocol: Literal["honest", "paper"] = "honest"
    """honest: checkpoints are chosen on validation, as for all baselines; paper: as published."""
    networks: tuple[Literal["GCN", "GraphSAGE", "GAT", "GIN"], ...] = ("GCN", "GAT", "GIN")
    """Networks that are trained on every set."""
    curve: tuple[float, ...] = (0.01, 0.03, 0.3)
    """Further budgets, as shares of all bytes."""
    trainings: int = 5
    """Number of trainings of each network on each set."""
    seed: int = 0
    """Seed of the distillation and of the data split."""
    smiles_column: str = "smiles"
    """Column of a CSV file that holds SMILES."""
    label_column: str = "y"
    """Column or columns (a,b,c) of a CSV file that hold labels."""
    task: Literal["classification", "regression"] | None = None
    """Task of a file (default: inferred)."""
    skip_invalid: bool = False
    """Skip rows of a CSV file with invalid SMILES or labels."""
    explain: bool = False
    """Show and write the trees that carry the teacher's weight."""

    def __post_init__(self) -> None:
        BaseCommand.__post_init__(self)
        MirageConfig.__post_init__(self)
        if self.task == "regression" and self.protocol == "paper":
            raise ValueError("--protocol paper has patterns of classes, not --task regression; leave one of them out")
        if self.task == "regression" and self.thresholds is not None:
            raise ValueError(
                "--thresholds are supports of classes, which --task regression has not; give --fraction or --bytes"
            )
        ShardsConfig.__post_init__(self)
        self._check_shards()
        if self.hops < 1:
            raise ValueError(f"--hops must be 1 or more to train networks, got {self.hops}")
        check_counts(self, "trainings")
        if not all(math.isfinite(share) and share > 0 for share in self.curve):
            raise ValueError(f"--curve takes shares above 0, got {' '.join(map(str, self.curve))}")
        if not self.networks:
            raise ValueError("--networks is empty; give one or more of GCN, GraphSAGE, GAT, GIN")

    def _check_shards(self) -> None:
        """Refuse options that shards, or data in memory, do not have."""
        default = {f.name: f.default for f in fields(self)}
        given = [name for name, value in default.items() if getattr(self, name) != value]
        for name in given:
            if self.in_shards and name in IN_MEMORY:
                raise ValueError(
                    f"{_option(name)} is for data in memory; leave it out, or leave out --engine and --shards"
                )
            if not self.in_shards and name in SHARDS:
                raise ValueError(f"{_option(name)} is for data in shards; give --engine processes, or leave it out")

    @property
    def distilling(self) -> MirageConfig:
        """The config of the distillation."""
        return MirageConfig(**{f.name: getattr(self, f.name) for f in fields(MirageConfig)})


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
