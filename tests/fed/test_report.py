import io

import pytest
import rich.console
import torch

from fed import report
from fed.client.store import HOME
from fed.config import FedConfig
from graphdistill.core.command.deliver import show


def outcome(clients=2, **more):
    scores = {client: 0.5 + 0.01 * client for client in range(clients)}
    return {
        "names": {client: f"domain {client}" for client in range(clients)},
        "kind": "images",
        "metric": "accuracy",
        "federated mirage": {},
        "generators": {},
        "trees": {},
        "test": scores,
        "baselines": {"untrained network": dict.fromkeys(scores, 0.1)},
        "valid": 0.7,
        "chosen round": 1,
        "history": [{"round": 1, "loss": 2.0, "valid before": dict.fromkeys(scores, 0.1)}],
        "final valid": dict.fromkeys(scores, 0.7),
        "bytes up": 1234,
        "bytes down": 5678,
        "missing": [],
        "refused": ["node 3 failed: why"] * 2,
        "privacy": None,
        "seconds by phase": {"local training": 1.0, "virtual data of clients": 2.0, "virtual data of the server": 3.0},
        "model": {"w": torch.ones(2)},
        "broadcast": {},
        **more,
    }


def test_clients_are_rows_and_bytes_are_reported():
    made = report.report_of(FedConfig(method="fedavg", train_on="virtual", clients=2), outcome())
    assert [(row.name, row.group, row.mean) for row in made.rows] == [
        ("fedavg, virtual", "0 domain 0", 0.5),
        ("fedavg, virtual", "1 domain 1", 0.51),
        ("untrained network", "0 domain 0", 0.1),
        ("untrained network", "1 domain 1", 0.1),
    ]
    assert made.rows[0].distill_seconds == 5.0
    notes = " ".join(made.notes)
    for words in ("1,234 up, 5,678 down", "round 1", "no guarantee of privacy"):
        assert words in notes
    assert notes.count("node 3 failed: why") == 1


def test_bytes_of_generators_are_reported_without_a_promise():
    held = {"x": torch.rand(6, 1, 8, 8), "y": torch.tensor([0, 0, 0, 1, 1, 1])}
    sent = {"clients": [0, 1], "bytes_up": [4321, 4322], "drawn": [4, 2]}
    config = FedConfig(method="fedavg", train_on="generated", clients=2, per_class=5)
    notes = " ".join(report.report_of(config, outcome(generators=sent, broadcast=held)).notes)
    for words in ("0: 4,321 and 4; 1: 4,322 and 2", "8 bytes a client", "each class 640.", "No privacy is claimed"):
        assert words in notes


def test_epsilon_is_reported():
    spent = {"epsilon": 12.345, "delta": 1e-5, "releases": 7}
    made = report.report_of(FedConfig(method="fedavg"), outcome(privacy=spent))
    assert "epsilon 12.3 at delta 1e-05 after 7 rounds" in " ".join(made.notes)


def test_a_server_without_the_clients_gpu_reports_its_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert report.report_of(FedConfig(device="cuda"), outcome()).facts["device"] == "cuda"
    assert report.report_of(FedConfig(device="auto"), outcome()).facts["device"] == "cpu"


@pytest.mark.parametrize("clients", [2, 30])
def test_what_was_written_is_shown(clients, tmp_path, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path / "elsewhere"))
    config = FedConfig(method="fedlgd", clients=clients, output=str(tmp_path / "out"))
    x, y = torch.rand(4, 1, 8, 8), torch.tensor([0, 0, 1, 1])
    report.write(config, outcome(clients, broadcast={"x": x, "y": y}))
    again = report.read(tmp_path / "out")
    assert again.rows == report.report_of(config, outcome(clients)).rows
    printed = io.StringIO()
    names = report.files(tmp_path / "out")
    show(report.table(again), tmp_path / "out", names, rich.console.Console(file=printed, width=100))
    text = printed.getvalue()
    assert f"mean of {clients}" in text
    assert ("15 domain 15" in text) == (clients == 30)
    assert "7 domain 7" not in text
    for name in (
        "report.html",
        "clients.png",
        "global.png",
        "model.safetensors",
        "results.csv",
        "results.json",
        "rounds.png",
    ):
        assert (tmp_path / "out" / name).stat().st_size > 0
        assert name in " ".join(text.split())
