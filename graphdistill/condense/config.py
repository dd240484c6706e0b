"""The config of condensation, and the options of its command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graphdistill.condense.methods import FAMILY
from graphdistill.core.command.base import BaseCommand, TableColumns, check_counts
from graphdistill.core.methods import MethodConfig


@dataclass(frozen=True, kw_only=True)
class CondenseConfig:
    """Settings of :func:`~graphdistill.condense.distill.distill_condense`."""

    method: str | MethodConfig = "dm"
    """Name of the method (list prints them all); in Python also its config, such as mtt.Config(experts=10)."""
    per_class: int = 10
    """Images, nodes, graphs or rows of each class in the set."""
    steps: int | None = None
    """Steps of a method that learns; methods that only select have none (default: the method's own)."""
    checks: int = 5
    """Validation checks of a method that learns, after the one at the start; each trains a network, so they are few."""
    patience: int = 3
    """Validation checks without improvement after which learning stops; scores of single trainings vary, so that the
    first decline says little."""
    bits: int | Literal["auto", "full"] = "auto"
    """Bits of each stored pixel or feature, 2 to 8; auto takes the fewest bytes that cost no more than --tolerance on
    validation, full leaves 8 bits a pixel, 16 a feature of a node and steps of 1/32 in rows of a table."""
    tolerance: float = 0.005
    """Largest loss of validation score to fewer bits; a standard error of three networks is allowed on top."""

    def __post_init__(self) -> None:
        FAMILY.check(self.method)
        check_counts(self, "per_class", "checks", "patience")
        if isinstance(self.bits, int) and not 2 <= self.bits <= 8:
            raise ValueError(f"--bits must be from 2 to 8, auto or full, got {self.bits}")
        if not self.tolerance >= 0:
            raise ValueError(f"--tolerance must be 0 or more, got {self.tolerance}")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"--steps must be 1 or more, got {self.steps}")


@dataclass(frozen=True, kw_only=True)
class Command(CondenseConfig, TableColumns, BaseCommand):
    """Options of the command."""

    dataset: str = "digits"
    """digits, mnist5k, breast-cancer (no download), a name under images/ of the root, an .npz or .csv file, cora, NCI1,
    ..."""
    output: Path = Path("runs/condense")
    """Folder that the set, report.html, results.json, results.csv, figure.png and set.png are written to."""
    trainings: int = 3
    """Number of trainings of the network on each set."""
    seeds: int = 3
    """Number of sets, each with its own seed."""
    seed: int = 0
    """Seed of the first set and of the data split; later sets add 1 each."""
    resume: bool = False
    """Continue an interrupted run with the same options from its last validation check."""

    def __post_init__(self) -> None:
        BaseCommand.__post_init__(self)
        CondenseConfig.__post_init__(self)
        check_counts(self, "trainings", "seeds")

    def checkpoint(self, seed: int) -> Path:
        """File of the state of the set with this seed while the command runs."""
        return self.output / f"checkpoint-{seed}.safetensors"
