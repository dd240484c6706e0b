from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import torch

from graphdistill.core import parallel
from graphdistill.core.command import base
from graphdistill.core.command.base import BaseCommand, TableColumns, check_counts
from graphdistill.datasets import load


@dataclass(frozen=True, kw_only=True)
class Command(BaseCommand):
    dataset: str = "digits"
    output: Path = Path("runs")
    seeds: int = 1
    per_class: int = 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"seed": -1}, "--seed must be 0 or more, got -1"),
        ({"jobs": 0}, "--jobs must be 1 or more, got 0; leave it out to use all cores"),
    ],
)
def test_options_are_checked(options: dict[str, int], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Command(**options)


def test_columns_of_a_table_are_arguments_of_load() -> None:
    named = TableColumns(label_column="income", group_column="sex").columns
    assert named.items() <= inspect.signature(load).bind("a.csv", **named).arguments.items()
    assert TableColumns().columns == {}


def test_counts_are_one_or_more() -> None:
    check_counts(Command(), "seeds", "per_class")
    with pytest.raises(ValueError, match="--per-class must be 1 or more, got 0"):
        check_counts(Command(per_class=0), "seeds", "per_class")


def test_a_gpu_has_one_process_unless_the_number_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "default_jobs", lambda: 7)
    assert (Command().num_jobs, Command(jobs=3).num_jobs) == (7, 3)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for name in ("cuda", "auto"):
        command = Command(device=name)  # type: ignore[arg-type]
        assert command.torch_device == torch.device("cuda")
        assert command.num_jobs == 1
    assert Command(device="cuda", jobs=2).num_jobs == 2


def test_what_cannot_work_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (tmp_path / "file").touch()
    for command, error in (
        (Command(output=tmp_path / "file"), "choose another folder"),
        (Command(output=tmp_path / "out", device="cuda"), "finds no GPU here; give cpu or auto"),
        (Command(output=tmp_path / "out", track="wandb"), "--track wandb needs the package wandb"),
    ):
        with pytest.raises(ValueError, match=error), command.working():
            pytest.fail("worked")
    with Command(output=tmp_path / "out", device="auto", quiet=True).working() as bars, bars.step("loading"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_processes_start_before_the_module_that_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    module = ModuleType("work_of_a_test")
    module.main = calls.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(base, "start", lambda *words: calls.append(words))
    for command in (Command(jobs=2), Command(device="auto")):
        command.run(module.__name__, "torch")
    # Whether there is a GPU, on which one process works, is known after torch is imported.
    assert calls == [(2, "torch"), Command(jobs=2), Command(device="auto")]
    assert base.default_jobs is parallel.default_jobs
