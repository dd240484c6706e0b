import os
import re
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from graphdistill.bench import mirage
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.training.fit import FitConfig
from graphdistill.datasets import load_graphs

ROOT = Path(os.environ.get("GRAPHDISTILL_DATA", "../shared/data"))


@pytest.fixture(scope="module")
def mutag():
    if not (ROOT / "tu" / "MUTAG").is_dir():
        pytest.skip(f"MUTAG is not in {ROOT}; set GRAPHDISTILL_DATA to the folder that has tu/MUTAG")
    return load_graphs("MUTAG", ROOT)


def lines_with(text, word):
    return [line for line in text.splitlines() if word in line]


def test_without_parts_it_only_says_what_it_runs_on(capsys):
    mirage.main(mirage.Bench(parts=()))
    printed = capsys.readouterr().out
    assert "'torch'" in printed
    assert "'threads'" in printed
    assert len(printed.splitlines()) <= 10


CHOICES = (
    "arrays, circuits, codec, condense, fed, generate, kd, lossless, mirage, protect, scale, scatter, search, vqgraph"
)
ERROR = f"python -m graphdistill.bench: error: NAME must be one of {CHOICES}, got {{!r}}\n"


def test_an_unknown_name_is_one_line_and_exit_code_two():
    command = [sys.executable, "-m", "graphdistill.bench", "miraeg"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stdout, done.stderr) == (2, "", ERROR.format("miraeg"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), ERROR.format("")),
        (("mirage", "--parts", "speed"), "--parts takes NAME ... (one of cost, lossless, accuracy)"),
    ],
)
def test_bad_words_are_one_line_and_exit_code_two(words, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    # Imported by another test, it would be run a second time, of which Python warns.
    monkeypatch.delitem(sys.modules, "graphdistill.bench.__main__", raising=False)
    with pytest.raises(SystemExit, match=r"^2$"):
        runpy.run_module("graphdistill.bench", run_name="__main__")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1


def test_lossless_has_a_line_per_network_and_depth(mutag, capsys):
    mirage.lossless(mutag, torch.device("cpu"))
    printed = capsys.readouterr().out
    nodes = mutag.split("train")[0].num_nodes
    for depth in (2, 3):
        assert f"MUTAG, depth {depth}" in printed
    # Titles are wrapped to the width of their table.
    text = " ".join(printed.split())
    assert text.count(f"for {nodes:,} nodes") == 2
    for network in ("GCN", "GraphSAGE", "GAT", "GIN"):
        # Once as it goes and once in the table, for either depth: seconds and two gains.
        found = lines_with(printed, f"{network} ")
        assert len(found) == 4
        assert all(len(re.findall(r"\d+\.\d\d s", line)) == 3 for line in found)
        assert all(len(re.findall(r"\d+\.\dx", line)) == 2 for line in found)


def test_accuracy_has_a_row_per_set_and_a_verdict_per_budget(mutag, capsys, monkeypatch):
    quick = partial(TreeProtocol, networks=("GIN",), fit=FitConfig(steps=4, eval_every=2))
    monkeypatch.setattr(mirage, "TreeProtocol", quick)
    mirage.accuracy(mutag, mirage.Bench(seeds=1, budgets=(60, 200)))
    printed = capsys.readouterr().out
    names = ["all the data, coded without loss", "untrained network", "logistic regression on tree counts"]
    names.append("majority class")
    for budget in ("60 bytes", "200 bytes"):
        names += ["distilled set", *(f"random graphs in the codec, {kind} labels" for kind in ("hard", "same soft"))]
        # As it goes and again under the table.
        verdicts = lines_with(printed, f"MUTAG at {budget}: ")
        assert len(verdicts) == 2
        assert verdicts[0] == verdicts[1]
    lines = [re.split(r" {2,}", line) for line in printed.splitlines() if re.match(r"\S.* \d\.\d{3}( |$)", line)]
    assert sorted(name for name, *_ in lines if not name.startswith("MUTAG at")) == sorted(names)
