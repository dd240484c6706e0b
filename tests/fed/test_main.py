import json
import os
import sys
from pathlib import Path

import pytest

from fed import __main__ as command
from fed.client.store import HOME
from fed.methods import FAMILY
from graphdistill.core.command import cli
from tests.fed.samples import QUICK
from tests.trackers import tracked


def run(*words):
    return cli.run(command.main, command.Command, prog="fed", description="", argv=list(words), family=FAMILY)


@pytest.mark.parametrize(("method", "own"), [("fedavg", ("--train-on", "subset")), ("fedlgd", QUICK)])
def test_from_the_command_to_a_report(method, own, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv(HOME)
    logged = tracked(monkeypatch)
    words = [
        "--track",
        "wandb",
        "--dataset",
        "digits",
        "--partition",
        "iid",
        "--method",
        method,
        "--clients",
        "2",
        "--rounds",
        "2",
        *own,
    ]
    assert run(*words, "--per-class", "1", "--in-process", "--track", "wandb", "--output", str(tmp_path / "out")) == 0
    printed = capsys.readouterr().out
    assert "digits 0" in printed
    assert "mean of 2" in printed
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["group"] for row in results["rows"]] == ["0 digits 0", "1 digits 1"] * 3
    assert results["unit"] == "images"
    assert results["facts"]["command"]["clients"] == 2
    assert results["facts"]["device"] == "cpu"
    assert results["facts"]["bytes up"] > 2 * 2 * 4 * 10_000
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files >= {
        "rounds.png",
        "clients.png",
        "model.safetensors",
        "results.csv",
        "report.html",
        "checkpoint.safetensors",
    }
    assert ({"global.png", "client-0.png", "client-1.png"} <= files) == (method == "fedlgd")
    assert HOME not in os.environ
    by_step = {step: values for step, values in logged if "mean of clients/valid" in values}
    assert sorted(by_step) == [0, 1, 2]
    assert any(name.startswith(method) and name.endswith("/0 digits 0/test") for name in logged[-1][1])


def test_each_run_keeps_clients_files_in_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.delenv(HOME)
    words = ["--dataset", "digits", "--partition", "iid", "--method", "fedavg", "--train-on", "virtual"]
    words += ["--warm-up-steps", "1", "--clients", "1", "--rounds", "1", "--per-class", "1", "--in-process", "--quiet"]
    for name in ("one", "two"):
        assert run(*words, "--output", str(tmp_path / name)) == 0
        assert list((tmp_path / name / "clients").glob("client-0-*/start.safetensors"))
    monkeypatch.setenv(HOME, str(tmp_path / "own"))
    assert run(*words, "--output", str(tmp_path / "three")) == 0
    assert (tmp_path / "own").is_dir()
    assert not (tmp_path / "three" / "clients").exists()


@pytest.mark.parametrize("words", [[], ["out"]])
def test_the_quickstart_runs(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fed_quickstart.py", *words])
    source = (Path(__file__).parents[2] / "examples" / "fed_quickstart.py").read_text()
    few = source.replace('method="fedlgd"', "method=fedlgd.Config(teacher_steps=2), warm_up_steps=2")
    assert few != source
    exec(compile(f"from fed.methods import fedlgd\n{few}", "fed_quickstart.py", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    assert "torch.Size([1, 10])" in printed
    assert "'global.png', 'model.safetensors'" in printed
    assert [path.name for path in tmp_path.iterdir()] == words


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--method", "fedmagic"], "--method 'fedmagic' is unknown"),
        (["--method", "fedavg-virtual"], "--method 'fedavg-virtual' is unknown"),
        (["--train-on", "real"], "--method fedlgd cannot --train-on real; choose from auto, virtual"),
        (["--contrast", "-1"], "--contrast must be 0 or more, got -1.0"),
        (["--per-class", "0", "--in-process"], "--per-class must be 1 or more"),
        (["--seed", "-1"], "--seed must be 0 or more, got -1"),
        (["--jobs", "0"], "--jobs must be 1 or more, got 0"),
        (["--jobs", "3", "--in-process"], "--in-process runs one client at a time"),
        (["--dataset", "digits", "--in-process", "--clients", "2000", "--partition", "iid"], "fewer clients"),
        (["--dataset", "nothing", "--in-process"], "not a known data set"),
    ],
)
def test_what_cannot_be_is_an_error_in_a_line(words, error, capsys, tmp_path):
    assert run(*words, "--output", str(tmp_path / "out")) == 2
    printed = capsys.readouterr().err
    assert error in printed
    assert not (tmp_path / "out").exists()
