import json
import runpy
import sys
from pathlib import Path

import pytest

from fed import __main__ as command
from fed.client.store import HOME
from graphdistill.core.command import cli
from tests.fed.samples import quick


def run(*words):
    return cli.run(command.main, command.Command, prog="fed", description="", argv=list(words))


@pytest.mark.parametrize("method", ["fedavg-subset", "fedlgd"])
def test_from_the_command_to_a_report(method, tmp_path, capsys, monkeypatch):
    quick(monkeypatch)
    monkeypatch.setenv(HOME, str(tmp_path / "out" / "clients"))
    words = ["--dataset", "digits", "--partition", "iid", "--method", method, "--clients", "2", "--rounds", "2"]
    assert run(*words, "--per-class", "1", "--in-process", "--output", str(tmp_path / "out")) == 0
    said = capsys.readouterr().out
    assert "digits 0" in said
    assert "mean of 2" in said
    told = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["group"] for row in told["rows"]] == ["0 digits 0", "1 digits 1"] * 3
    assert told["facts"]["bytes up"] > 2 * 2 * 4 * 10_000
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files >= {"rounds.png", "clients.png", "model.safetensors", "results.csv", "checkpoint.safetensors"}
    assert ({"global.png", "client-0.png", "client-1.png"} <= files) == (method == "fedlgd")


@pytest.mark.parametrize("words", [[], ["out"]])
def test_the_quickstart_runs(words, tmp_path, monkeypatch, capsys):
    quick(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fed_quickstart.py", *words])
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "fed_quickstart.py"))
    said = capsys.readouterr().out
    assert "torch.Size([1, 10])" in said
    assert "'global.png', 'model.safetensors'" in said
    assert [path.name for path in tmp_path.iterdir()] == words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "fedmagic"], "--method 'fedmagic' is unknown"),
        (["--per-class", "0", "--in-process"], "--per-class must be 1 or more"),
        (["--dataset", "digits", "--in-process", "--clients", "2000", "--partition", "iid"], "fewer clients"),
        (["--dataset", "nothing", "--in-process"], "not a known data set"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(words, said, capsys, tmp_path):
    assert run(*words, "--output", str(tmp_path / "out")) == 2
    told = capsys.readouterr().err
    assert said in told
    assert not (tmp_path / "out").exists()
