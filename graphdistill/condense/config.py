"""The settings of distilling by matching, and the options of its command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from graphdistill.condense.methods import FAMILY
from graphdistill.core.methods import MethodConfig
from graphdistill.core.parallel import check_jobs


@dataclass(frozen=True, kw_only=True)
class CondenseConfig:
    """What distilling may be told."""

    method: str | MethodConfig = "dm"
    """Name of the method (list prints them all), or in Python its config, such as mtt.Config(experts=10)."""
    per_class: int = 10
    """Images, nodes or graphs of each class in the set."""
    steps: int | None = None
    """Steps of a method that learns (default: the method's own)."""

    def __post_init__(self) -> None:
        FAMILY.check(self.method)
        if self.per_class < 1:
            raise ValueError(f"--per-class must be 1 or more, got {self.per_class}")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"--steps must be 1 or more, got {self.steps}")


@dataclass(frozen=True, kw_only=True)
class Command(CondenseConfig):
    """Options of the command."""

    dataset: str = "digits"
    """digits, mnist5k (no download), a name under images/ of the root, an .npz file, cora, NCI1, ogbg-molbace, ..."""
    root: Path | None = None
    """Folder of data sets (default: $GRAPHDISTILL_DATA, else the user cache)."""
    output: Path = Path("runs/condense")
    """Folder for the set, results.json, results.csv and set.png."""
    networks: int = 3
    """Networks that are trained on every set."""
    seeds: int = 3
    """Sets to make, each from other random data."""
    seed: int = 0
    """Seed of the first set and of the data split."""
    resume: bool = False
    """Go on where a run with the same options was cut."""
    skip_invalid: bool = False
    """Leave out rows of a CSV file whose SMILES or label cannot be used."""
    jobs: int | None = None
    """Processes of one thread each that work side by side (default: one for each core that may be used)."""
    quiet: bool = False
    """No progress bars, no table."""
    debug: bool = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for option, value in (("--networks", self.networks), ("--seeds", self.seeds)):
            if value < 1:
                raise ValueError(f"{option} must be 1 or more, got {value}")
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, got {self.seed}")
        check_jobs(self.jobs, "--jobs")

    def checkpoint(self, seed: int) -> Path:
        """File that the state of one draw is kept in while the command runs."""
        return self.output / f"checkpoint-{seed}.safetensors"
