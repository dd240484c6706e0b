"""Options that every command has, and what every command does before its own work. It imports nothing heavy."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graphdistill.core.command.output import check_writable
from graphdistill.core.command.progress import Progress, progress
from graphdistill.core.config_checks import check_positive
from graphdistill.core.device import DeviceName, resolve_device
from graphdistill.core.parallel import check_jobs, default_jobs, start

if TYPE_CHECKING:
    import torch

TrackerName = Literal["tensorboard", "wandb", "mlflow"]
"""Experiment trackers: see :mod:`graphdistill.core.command.tracking`."""


@dataclass(frozen=True, kw_only=True)
class TableColumns:
    """Options of commands that read tables of rows."""

    label_column: str | None = None
    """Column of classes of a table (default: the data bring their labels)."""
    group_column: str | None = None
    """Column of groups of a table, such as sex, which is no feature (default: none)."""
    skip_invalid: bool = False
    """Leave out rows of a file whose SMILES, label or group cannot be used."""

    @property
    def columns(self) -> dict[str, Any]:
        """The options that are given, as arguments of :func:`graphdistill.datasets.load`.

        Example:
            >>> TableColumns(label_column="income", skip_invalid=True).columns
            {'label': 'income', 'skip_invalid': True}
        """
        named = {"label": self.label_column, "group": self.group_column, "skip_invalid": self.skip_invalid or None}
        return {argument: value for argument, value in named.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class BaseCommand:
    """Options of every command.

    Raises:
        ValueError: the seed, the device or the number of processes is out of range.
    """

    dataset: str
    """Name of the data set, or its file."""
    root: Path | None = None
    """Folder of data sets (default: $GRAPHDISTILL_DATA, else the user cache)."""
    output: Path
    """Folder for the results: report.html, results.json, results.csv, figures, and what was distilled."""
    seed: int = 0
    """Seed of all randomness."""
    device: DeviceName = "cpu"
    """Device that networks are trained on; auto is the GPU where there is one, else the CPU."""
    jobs: int | None = None
    """Parallel processes, one thread each (default: one per available core, and one in all on a GPU)."""
    track: TrackerName | None = None
    """Tracker for all rows and curves."""
    quiet: bool = False
    """Show no progress bars and no table."""
    debug: bool = False
    """Show the traceback of an error."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, got {self.seed}")
        check_jobs(self.jobs, "--jobs")

    @property
    def num_jobs(self) -> int:
        """Number of parallel processes."""
        return self.jobs or (default_jobs() if self.torch_device.type == "cpu" else 1)

    @property
    def torch_device(self) -> torch.device:
        """The device.

        Raises:
            ValueError: it is unknown, or this machine has no such device.
        """
        return resolve_device(self.device)

    def run(self, module: str, *preloaded: str) -> None:
        """Import the module that does the work, which takes seconds, and call its ``main`` with this command.

        Args:
            module: name of the module.
            preloaded: modules that parallel processes import meanwhile.
        """
        if self.device == "cpu":
            start(self.jobs or default_jobs(), *preloaded)
        importlib.import_module(module).main(self)

    def check(self) -> None:
        """Check what can fail before any work: the device, the tracker and the output folder.

        Raises:
            ValueError: this machine has no such device, the tracker is not installed, or the output folder cannot be
                written.
        """
        from graphdistill.core.command.tracking import check_tracker

        check_writable(self.output)
        _ = self.torch_device
        check_tracker(self.track)

    @contextlib.contextmanager
    def working(self) -> Iterator[Progress]:
        """Check device, tracker and output folder before any work, and show progress while the block runs.

        Raises:
            ValueError: this machine has no such device, the tracker is not installed, or the output folder cannot be
                written.
        """
        self.check()
        with progress(self.quiet) as bars:
            yield bars


def check_counts(options: object, *names: str) -> None:
    """Fail unless options are 1 or more.

    Raises:
        ValueError: one of them is 0 or negative.

    Example:
        >>> from types import SimpleNamespace
        >>> check_counts(SimpleNamespace(per_class=0), "per_class")
        Traceback (most recent call last):
        ValueError: --per-class must be 1 or more, got 0
    """
    check_positive(options, *names, label=lambda name: f"--{name.replace('_', '-')}")
