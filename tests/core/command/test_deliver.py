from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import rich.console

from graphdistill.core.command.base import BaseCommand
from graphdistill.core.command.deliver import deliver, facts_of, show
from graphdistill.core.command.report import Report, Row, table


@dataclass(frozen=True, kw_only=True)
class Command(BaseCommand):
    dataset: str = "digits"
    output: Path = Path("runs")


def report(command: Command) -> Report:
    row = Row(name="all the data", group="GIN", test=(0.7, 0.8), nbytes=900, entries=3)
    return Report(title="demo", metric="accuracy", rows=(row,), facts=facts_of(command))


def test_results_are_written_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = Command(output=tmp_path / "out")
    deliver(command, report(command), table(report(command)), lambda folder: (folder / "set.bin").write_bytes(b"set"))
    names = ["report.html", "results.csv", "results.json", "set.bin"]
    assert sorted(path.name for path in command.output.iterdir()) == names
    printed = " ".join(capsys.readouterr().out.split())
    assert "all the data" in printed
    assert printed.endswith(", ".join(names))
    facts = json.loads((command.output / "results.json").read_text(encoding="utf-8"))["facts"]
    assert (facts["command"]["dataset"], facts["command"]["device"], facts["device"]) == ("digits", "cpu", "cpu")
    assert facts.keys() == {"command", "device", "peak_memory", "versions"}


def test_a_quiet_command_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = Command(output=tmp_path, quiet=True)
    deliver(command, report(command), table(report(command)), lambda folder: None)
    assert capsys.readouterr().out == ""
    assert (tmp_path / "report.html").is_file()


def test_a_tracker_gets_the_report_after_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    def track(name: str, folder: Path, found: Report) -> None:
        calls.append((name, folder, found.title, (folder / "results.json").is_file()))

    monkeypatch.setattr("graphdistill.core.command.deliver.track_report", track)
    command = Command(output=tmp_path / "out", track="mlflow", quiet=True)
    deliver(command, report(command), table(report(command)), lambda folder: None)
    assert calls == [("mlflow", command.output, "demo", True)]


def test_a_failure_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "set.bin").touch()
        raise OSError("disk full")

    command = Command(output=tmp_path / "out")
    with pytest.raises(OSError, match="disk full"):
        deliver(command, report(command), table(report(command)), fail)
    assert list(tmp_path.iterdir()) == []


def test_the_page_is_listed_first() -> None:
    out = io.StringIO()
    console = rich.console.Console(file=out, width=200)
    show(table(report(Command())), Path("runs"), ["a.png", "results.csv", "report.html"], console)
    assert out.getvalue().splitlines()[-1] == "written to runs: report.html, a.png, results.csv"
