from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from graphdistill.core.command import tracking as module
from graphdistill.core.command.base import TrackerName
from graphdistill.core.command.report import Report, Row
from graphdistill.core.command.tracking import (
    TRACKERS,
    Tracker,
    check_tracker,
    curves,
    log_report,
    metric_name,
    row_values,
    track_report,
    tracking,
)

FACTS: dict[str, Any] = {
    "command": {"method": "dm", "per_class": 5, "root": Path("/data/own")},
    "sets": [{"checks": [[0, 0.5], [20, 0.75]]}, {"checks": [[0, 0.25]]}, {}],
}


def report(facts: Mapping[str, object] = FACTS) -> Report:
    rows = (
        Row(name="distilled set", group="GIN", test=(0.5, 0.75), valid=(0.5, 1.0), nbytes=900, entries=5),
        Row(name="number of nodes", group=None, test=(0.25,), valid=(), nbytes=None, entries=None),
        Row(name="majority class", group=None, test=(float("nan"),), valid=(), nbytes=None, entries=None),
    )
    return Report(title="dm on digits", metric="accuracy", rows=rows, facts=facts)


class Kept:
    """A tracker of one's own."""

    def __init__(self) -> None:
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.closed = 0

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.logged.append((step, dict(values)))

    def close(self) -> None:
        self.closed += 1


ROWS = {
    "distilled set/GIN/test": 0.625,
    "distilled set/GIN/std": pytest.approx(0.1768, abs=1e-4),
    "distilled set/GIN/bytes": 900,
    "distilled set/GIN/entries": 5,
    "distilled set/GIN/valid": 0.75,
    "number of nodes/test": 0.25,
    "number of nodes/std": 0.0,
    "majority class/std": 0.0,
}


def test_validation_checks_come_step_by_step_and_rows_at_the_end() -> None:
    tracker = Kept()
    log_report(tracker, report())
    assert tracker.logged == [(0, {"set 0/valid": 0.5, "set 1/valid": 0.25}), (20, {"set 0/valid": 0.75}), (20, ROWS)]
    assert row_values(report()) == ROWS


def test_rounds_of_a_federation_are_a_curve() -> None:
    history = [
        {"round": 1, "loss": 2.0, "valid before": {0: 0.5, 1: 0.25}},
        {"round": 2, "loss": float("inf"), "valid before": {0: 0.75, 1: float("nan")}},
    ]
    assert curves(report({"history": history, "final valid": {0: 0.5}})) == {
        0: {"mean of clients/valid": 0.375},
        1: {"mean of clients/loss": 2.0, "mean of clients/valid": 0.75},
        2: {"mean of clients/valid": 0.5},
    }


@pytest.mark.parametrize("name", ["RS2: new random subset", "a±b (c)", "random graphs, equal bytes", "ü/x_1-2.5"])
def test_names_hold_what_all_trackers_accept(name: str) -> None:
    assert set(metric_name(name)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./ ")


def test_without_a_name_nothing_is_tracked(tmp_path: Path) -> None:
    track_report(None, tmp_path, report())
    with tracking(None, tmp_path, "", {}) as tracker:
        assert tracker is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", TRACKERS)
def test_what_is_not_installed_is_named_before_any_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(
        ValueError, match=rf"^--track {name} needs the package {name}; pip install 'graphdistill\[track"
    ):
        check_tracker(name)


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--track must be one of tensorboard, wandb, mlflow, got 'neptune'"):
        track_report("neptune", tmp_path, report())


def test_a_tracker_is_closed_also_where_the_run_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    monkeypatch.setattr(module, "TRACKERS", {"tensorboard": lambda *_: kept})
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    with pytest.raises(RuntimeError), tracking("tensorboard", tmp_path, "", {}):
        raise RuntimeError
    assert kept.closed == 1


class Recorder:
    """An object whose every method records how it is called."""

    def __init__(self, calls: list[tuple[Any, ...]], **results: Any) -> None:
        self.calls, self.results = calls, results

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: (self.calls.append((name, args, options)), self.results.get(name))[1]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Calls of the three packages, of which none has to be installed."""
    made: list[tuple[Any, ...]] = []
    run = types.SimpleNamespace(info=types.SimpleNamespace(run_id="run-1"))
    client = Recorder(made, get_experiment_by_name=None, create_experiment="1", create_run=run)

    def maker(name: str, result: object) -> Any:
        return lambda *args, **options: (made.append((name, args, options)), result)[1]

    fakes = {
        "torch.utils.tensorboard": {"SummaryWriter": maker("writer", Recorder(made))},
        "wandb": {"init": maker("init", Recorder(made))},
        "mlflow": {"MlflowClient": maker("client", client)},
    }
    for name, content in fakes.items():
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(**content))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    for name in ("WANDB_MODE", "MLFLOW_TRACKING_URI", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.delenv(name, raising=False)
    return made


def test_tensorboard_gets_scalars(calls: list[tuple[Any, ...]], tmp_path: Path) -> None:
    track_report("tensorboard", tmp_path, report())
    assert calls[0] == ("writer", (str(tmp_path / "tensorboard"),), {})
    assert calls[1][1] == ("dm on digits", '    method: "dm"\n    per_class: 5\n    root: "own"')
    assert ("add_scalar", ("set 0/valid", 0.75, 20), {}) in calls
    assert ("add_scalar", ("distilled set/GIN/bytes", 900, 20), {}) in calls
    assert calls[-1][0] == "close"


@pytest.mark.parametrize("mode", [None, "online"])
def test_wandb_is_offline_unless_the_user_sets_a_mode(
    mode: str | None, calls: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode:
        monkeypatch.setenv("WANDB_MODE", mode)
    track_report("wandb", tmp_path / "new", report())
    name, _, options = calls[0]
    assert (name, options["mode"], options["project"]) == ("init", mode or "offline", "graphdistill")
    assert (options["name"], options["dir"]) == ("dm on digits", str(tmp_path / "new"))
    assert options["config"] == {"method": "dm", "per_class": 5, "root": "own"}
    assert ("log", ({"set 0/valid": 0.75, "step": 20},), {}) in calls
    assert calls[-1][0] == "finish"


@pytest.mark.parametrize("server", [None, "http://mlflow.example"])
def test_mlflow_writes_into_the_folder_unless_the_user_names_a_server(
    server: str | None, calls: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    track_report("mlflow", tmp_path, report())
    assert calls[0] == ("client", (), {"tracking_uri": server or (tmp_path / "mlruns").as_uri()})
    assert ("create_experiment", ("graphdistill",), {}) in calls
    assert ("log_param", ("run-1", "per_class", "5"), {}) in calls
    assert ("log_metric", ("run-1", "set 0/valid", 0.75), {"step": 20}) in calls
    assert calls[-1] == ("set_terminated", ("run-1",), {})


def test_every_adapter_is_a_tracker(calls: list[tuple[Any, ...]], tmp_path: Path) -> None:
    for made in TRACKERS.values():
        tracker: Tracker = made(tmp_path, "title", {})
        tracker.log(0, {"a": 1.0})
        tracker.close()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", TRACKERS)
def test_the_real_one_writes_into_the_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(name)
    for variable in ("WANDB_MODE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    track_report(name, tmp_path, report())
    track_report(name, tmp_path, report())
    folder = tmp_path / {"mlflow": "mlruns"}.get(name, name)
    assert any(path.is_file() for path in folder.rglob("*"))
    if name == "tensorboard":
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(folder))
        events.Reload()
        assert (20, 0.75) in {(event.step, event.value) for event in events.Scalars("set 0/valid")}


def test_the_option_names_every_tracker() -> None:
    assert get_args(TrackerName) == tuple(TRACKERS)
