import json

import pytest

from graphdistill.core.command import cli
from graphdistill.core.sets.storage import load_set
from graphdistill.mirage import __main__ as front
from graphdistill.mirage.config import Command
from graphdistill.mirage.shards.scoring import TreeCountModel
from tests.mirage.shards import toys


def run(*words):
    return cli.run(front.main, Command, prog="mirage", description="Test.", argv=[str(w) for w in words])


def test_the_journey_from_a_file_to_set_model_and_report(tmp_path, monkeypatch, capsys):
    toys.without_priors(monkeypatch)
    output, path = tmp_path / "out", toys.write(tmp_path)
    options = ("--engine", "serial", "--shards", 2, "--bytes", 300, "--min-graphs", 3, "--output", output)
    assert run("--dataset", path, *options) == 0
    printed = capsys.readouterr().out
    assert "logistic regression on tree counts" in printed
    assert "molecules in" in printed
    assert {"set.safetensors", "card.json", "model", "results.json", "report.html"} <= {
        p.name for p in output.iterdir()
    }
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    assert results["facts"]["set"]["bytes"] == load_set(output).nbytes <= 300
    assert TreeCountModel.load(output / "model").score_smiles(["CCO"]).shape == (1, 1)
    assert (tmp_path / "out-shards").is_dir()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dataset", "cora", "--engine", "serial"), "it is for sets of graphs, not for node graphs"),
        (("--dataset", "a.smi", "--shards", 2), "there is no such file"),
        (("--dataset", "a.smi", "--shards", 0), "--shards must be 1 or more, got 0"),
        (("--dataset", "a.smi", "--engine", "serial", "--fraction", 0.1), "--fraction is for data in memory"),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert run(*words) != 0
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_cluster_that_does_not_answer_is_reported_in_seconds(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = toys.write(tmp_path)
    assert run("--dataset", path, "--engine", "ray://127.0.0.1:1") != 0
    assert "--engine ray://127.0.0.1:1: no Ray cluster answers there" in " ".join(capsys.readouterr().err.split())
