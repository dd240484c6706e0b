from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import rich.console

from fed import bench as bench
from fed import client_app
from fed.config import FedConfig
from fed.data.client_data import UNKNOWN, ClientData
from fed.data.molecules import Molecules
from fed.methods import fedtrees
from graphdistill.core.methods import MethodConfig
from tests.fed.samples import FEW, molecular, part, quick


class Few(bench.Bench):
    """The bench with few steps of all that takes many."""

    def config(self, dataset: str, method: str | MethodConfig, **more: Any) -> FedConfig:
        return super().config(dataset, quick(method), **{"warm_up_steps": 2, **FEW, **more})


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clients of a few images and few steps; what methods reach is measured elsewhere."""
    held: tuple[ClientData, ...] = part(0), part(1)
    for module in (client_app, bench):
        monkeypatch.setattr(module, "parts", lambda config: held * (config.clients // 2))
    monkeypatch.setattr(bench, "FedConfig", lambda **options: FedConfig(**{"warm_up_steps": 2, **options}))
    monkeypatch.setattr(bench, "console", rich.console.Console(width=200))
    level = logging.getLogger("flwr").level
    yield
    logging.getLogger("flwr").setLevel(level)
    logging.getLogger("fed").handlers.clear()


def shown(capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[str, list[list[str]]]:
    given = {"datasets": ("toy",), "clients": 2, "rounds": 3, "per_class": 2, "seeds": 2, **options}
    bench.main(Few(**given))
    printed = capsys.readouterr().out
    lines = [line.strip("│").split("│") for line in printed.splitlines() if line.startswith("│")]
    return printed, [[cell.strip() for cell in line] for line in lines]


def test_methods_at_the_learning_rate_that_is_best_on_validation(capsys: pytest.CaptureFixture[str]) -> None:
    printed, rows = shown(capsys, parts=("methods",), references=("subset",), methods=("fedlgd",), lrs=(0.0001, 0.1))
    assert [row[0] for row in rows] == ["fedavg, subset", "fedlgd, teacher-steps 2"]
    assert "toy, fedlgd, teacher-steps 2: validation by learning rate 0.0001: " in printed
    assert rows[0][1] == "0.1"
    for row in rows:
        first, second = (float(value) for value in row[4].split())
        assert float(row[3].split()[0]) == pytest.approx((first + second) / 2, abs=0.001)
        assert float(row[7]) > 0


def test_fedlgd_is_taken_apart(capsys: pytest.CaptureFixture[str]) -> None:
    _, rows = shown(capsys, parts=("ablations",), lrs=(0.1,), seeds=1)
    assert [row[0] for row in rows] == [
        "virtual data once a round",
        "fedlgd, noise for global images",
        "fedlgd, no contrast",
    ]


def test_attacks_and_noise(capsys: pytest.CaptureFixture[str]) -> None:
    _, rows = shown(capsys, parts=("privacy",), lrs=(0.1,))
    few = "fedlgd, teacher-steps 2"
    drawn = ["fedavg, generated", "its drawn images"]
    assert [row[0] for row in rows] == ["fedavg", "fedavg, virtual", *drawn, few, *["fedavg", few] * 2]
    assert [row[2] for row in rows[:5]] == ["none", "none", "none", "", "none"]
    assert float(rows[5][2]) > float(rows[7][2]) > 1
    for row in rows:
        assert all(0 <= float(attack.split()[0]) <= 1 for attack in row[4].split(", "))


def test_many_clients(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "CROWDS", (2, 4))
    _, rows = shown(capsys, parts=("clients",))
    assert [row[0] for row in rows] == ["2", "4"]
    assert float(rows[0][1]) > float(rows[0][2]) > 0


def test_trees_of_all_clients_and_of_each_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, held = molecular(monkeypatch, clients=4)
    monkeypatch.setattr(bench, "parts", lambda config: held)
    small = bench._molecular
    method = fedtrees.Config(strength=0.01)
    monkeypatch.setattr(bench, "_molecular", lambda *args, **options: small(*args, **{**options, "method": method}))
    printed, rows = shown(capsys, parts=("trees",), molecules=("toy",), seeds=1)
    assert [row[0] for row in rows] == ["fedtrees", "each client alone", "number of nodes"]
    assert all(0 <= float(row[2]) <= 1 for row in rows)
    assert "toy, seed 0: {'vocabulary': " in printed


def test_a_client_alone_has_the_strength_that_is_best_on_its_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    part = molecular(monkeypatch, clients=2)[1][0]
    assert isinstance(part, Molecules)
    assert 0 <= bench.fit_alone(part) <= 1
    x, y, weight = part.train
    assert bench.fit_alone(replace(part, train=(x, 0 * y, weight))) == UNKNOWN


@pytest.mark.long
def test_molecules(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    molecular(monkeypatch, clients=4)
    small = bench._molecular
    monkeypatch.setattr(
        bench, "_molecular", lambda *args, **options: replace(small(*args, **options), rounds=1, per_class=3)
    )
    _, rows = shown(capsys, parts=("molecules",), molecules=("toy",), supports=(0.1, 0.05))
    assert [row[0] for row in rows] == [
        "fedavg",
        "fedavg, virtual",
        "fedmirage, trainer clients",
        "fedmirage",
        "fedmirage",
        "untrained network",
        "number of nodes",
    ]
    assert [row[7] != "" for row in rows[:5]] == [False, False, True, True, True]
