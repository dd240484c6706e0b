"""Experiment trackers: the rows and validation curves of a report in TensorBoard, wandb or mlflow.

Each is imported on use; all three are in the extra ``track``. None needs a network: all write into the folder of the
results, wandb unless ``WANDB_MODE`` is set, and mlflow unless ``MLFLOW_TRACKING_URI`` is.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import re
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from graphdistill.core.command.report import Report, plain

PROJECT = "graphdistill"
"""Project of wandb and experiment of mlflow that runs are in."""


class Tracker(Protocol):
    """What a tracker has to do; one of your own may be used where a name is not enough."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record numbers by name at a step of a run."""

    def close(self) -> None:
        """Write everything; nothing is logged afterwards."""


class TensorBoardTracker:
    """Scalars for TensorBoard, below ``tensorboard`` in a folder.

    Args:
        folder: folder of the results.
        title: title of the run.
        config: config of the run, shown as text.
    """

    def __init__(self, folder: Path, title: str, config: Mapping[str, object]):
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / "tensorboard"))
        self._writer.add_text(title, "\n".join(f"    {name}: {json.dumps(value)}" for name, value in config.items()))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record numbers by name at a step."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write everything."""
        self._writer.close()


class WandbTracker:
    """A run of wandb, offline unless ``WANDB_MODE`` says otherwise; ``wandb sync`` uploads it later.

    Args:
        folder: folder of the results.
        title: title of the run.
        config: config of the run.
    """

    def __init__(self, folder: Path, title: str, config: Mapping[str, object]):
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        mode = os.environ.get("WANDB_MODE", "offline")
        self._run: Any = wandb.init(project=PROJECT, name=title, config=dict(config), dir=str(folder), mode=mode)
        # Steps of several sets begin anew, which wandb's own step may not.
        self._run.define_metric("*", step_metric="step")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record numbers by name at a step."""
        self._run.log({**values, "step": step})

    def close(self) -> None:
        """Write everything."""
        self._run.finish()


class MlflowTracker:
    """A run of mlflow, in the folder ``mlruns`` of the results unless ``MLFLOW_TRACKING_URI`` names a server.

    Args:
        folder: folder of the results.
        title: title of the run.
        config: config of the run, as parameters.
    """

    def __init__(self, folder: Path, title: str, config: Mapping[str, object]):
        # Files need no data base, and newer versions of mlflow take them only with this.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient

        where = os.environ.get("MLFLOW_TRACKING_URI") or (folder.absolute() / "mlruns").as_uri()
        self._client: Any = MlflowClient(tracking_uri=where)
        found = self._client.get_experiment_by_name(PROJECT)
        experiment = self._client.create_experiment(PROJECT) if found is None else found.experiment_id
        self._run: str = self._client.create_run(experiment, run_name=title).info.run_id
        for name, value in config.items():
            self._client.log_param(self._run, metric_name(name), str(value)[:500])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record numbers by name at a step."""
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self._run)


TRACKERS: Mapping[str, type[TensorBoardTracker] | type[WandbTracker] | type[MlflowTracker]] = {
    "tensorboard": TensorBoardTracker,
    "wandb": WandbTracker,
    "mlflow": MlflowTracker,
}


def check_tracker(name: str | None) -> None:
    """Fail early, before any training, where a tracker is unknown or not installed.

    Raises:
        ValueError: with what to do.

    Example:
        >>> check_tracker("tensorbord")
        Traceback (most recent call last):
        ValueError: --track must be one of tensorboard, wandb, mlflow, got 'tensorbord'
    """
    if name is None:
        return
    if name not in TRACKERS:
        raise ValueError(f"--track must be one of {', '.join(TRACKERS)}, got {name!r}")
    if importlib.util.find_spec(name) is None:
        raise ValueError(f"--track {name} needs the package {name}; pip install 'graphdistill[track]'")


@contextlib.contextmanager
def tracking(name: str | None, folder: Path, title: str, config: Mapping[str, object]) -> Iterator[Tracker | None]:
    """Open a tracker and close it after the block, also where that fails.

    Args:
        name: name of the tracker; ``None`` for no tracker.
        folder: folder of the results.
        title: title of the run.
        config: config of the run in JSON types.

    Yields:
        The tracker, or ``None``.

    Raises:
        ValueError: the tracker is unknown or not installed.
    """
    check_tracker(name)
    if name is None:
        yield None
        return
    tracker = TRACKERS[name](folder, title, config)
    try:
        yield tracker
    finally:
        tracker.close()


def track_report(name: str | None, folder: Path, report: Report) -> None:
    """Log a report: its validation curves step by step, then its rows; nothing happens where ``name`` is ``None``.

    Args:
        name: name of the tracker.
        folder: folder of the results.
        report: the report.

    Raises:
        ValueError: the tracker is unknown or not installed.
    """
    command = plain(report.facts.get("command") or report.facts.get("config") or {})
    with tracking(name, folder, report.title, command if isinstance(command, dict) else {}) as tracker:
        if tracker is not None:
            log_report(tracker, report)


def log_report(tracker: Tracker, report: Report) -> None:
    """Log a report on any tracker: its validation curves step by step, then its rows at the last step.

    Example:
        >>> from graphdistill.core.command.report import Row
        >>> class Printer:
        ...     def log(self, step, values):
        ...         print(step, values)
        ...     def close(self):
        ...         pass
        >>> row = Row(name="all the data", group="GIN", test=(0.5,), valid=(), nbytes=9, entries=None)
        >>> log_report(Printer(), Report(title="demo", metric="rocauc", rows=(row,)))
        0 {'all the data/GIN/test': 0.5, 'all the data/GIN/std': 0.0, 'all the data/GIN/bytes': 9}
    """
    points = curves(report)
    for step in sorted(points):
        tracker.log(step, points[step])
    tracker.log(max(points, default=0), row_values(report))


def curves(report: Report) -> dict[int, dict[str, float]]:
    """Scores by step: the validation checks of every set that was learnt, or the clients' mean after each round.

    They are read from the report's facts: ``sets`` with ``checks``, a list of step and score, or ``history``, a
    dictionary for each round, and ``final valid``.
    """
    points: dict[int, dict[str, float]] = {}
    sets: Any = report.facts.get("sets") or ()
    for number, meta in enumerate(sets):
        for step, score in meta.get("checks", ()) if isinstance(meta, Mapping) else ():
            points.setdefault(int(step), {}).update(_finite({f"set {number}/valid": score}))
    history: Any = report.facts.get("history") or ()
    valid = {int(line["round"]) - 1: line["valid before"] for line in history}
    valid[max(valid, default=-1) + 1] = report.facts.get("final valid") or {}
    for step, by_client in valid.items():
        if scores := [score for score in by_client.values() if math.isfinite(score)]:
            points.setdefault(step, {})["mean of clients/valid"] = statistics.fmean(scores)
    for line in history:
        points.setdefault(int(line["round"]), {}).update(_finite({"mean of clients/loss": line["loss"]}))
    return {step: values for step, values in points.items() if values}


def row_values(report: Report) -> dict[str, float]:
    """Test mean and deviation, validation mean, bytes and entries of each row, by the row's name and group."""
    values: dict[str, float] = {}
    for row in report.rows:
        name = metric_name("/".join(part for part in (row.name, row.group) if part))
        found = {"test": row.mean, "std": row.std, "bytes": row.nbytes, "entries": row.entries}
        if row.valid:
            found["valid"] = statistics.fmean(row.valid)
        values |= _finite({f"{name}/{what}": value for what, value in found.items() if value is not None})
    return values


def metric_name(text: str) -> str:
    """A name that all trackers accept: letters, digits, spaces and ``_-./`` alone.

    Example:
        >>> metric_name("GLNN: teacher's soft labels, 5 %")
        'GLNN teachers soft labels 5'
    """
    return " ".join(re.sub(r"[^A-Za-z0-9_\-./ ]", "", text).split())


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}
