from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import graphdistill.condense.command as command
import graphdistill.condense.distill as distill_module
from graphdistill import __version__
from graphdistill.condense.data import kinds
from graphdistill.condense.methods import FAMILY
from graphdistill.condense.methods.dm import MomentMatch
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.evaluation.tables import TableProtocol
from graphdistill.core.sets.storage import load_set
from graphdistill.core.training.fit import FitConfig
from tests.commands import runner
from tests.condense.graph_samples import chains
from tests.condense.samples import bars, shortened
from tests.core.sets.samples import as_bytes, coded_bytes
from tests.trackers import tracked

ROOT = Path(__file__).parents[2]
SMALL = ("--per-class", 2, "--steps", 5, "--patience", 9, "--trainings", 2, "--seeds", 2)


@pytest.fixture(scope="module", autouse=True)
def short_trainings():
    """How well networks are trained is measured elsewhere."""
    fit = FitConfig(steps=10, eval_every=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kinds, "ImageProtocol", shortened(ImageProtocol, fit))
        patch.setattr(kinds, "TableProtocol", shortened(TableProtocol, fit))
        patch.setattr(kinds, "NodeProtocol", shortened(NodeProtocol, replace(fit, batch_size=1 << 30)))
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """An npz file of images with bars."""
    data = bars()
    pixels, y = (data.images[:, 0] * 255).to(torch.uint8).numpy(), data.y.numpy()
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    np.savez(path, train_images=pixels[:54], train_labels=y[:54], test_images=pixels[54:], test_labels=y[54:])
    return path


@pytest.fixture(scope="module")
def journey(images, tmp_path_factory):
    """The output of one run, and what it printed."""
    output = tmp_path_factory.mktemp("run") / "out"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run("--dataset", images, "--output", output, *SMALL) == 0
    return output, printed.getvalue()


run = runner(command.main, command.Command, "condense", FAMILY)


def test_auto_chooses_one_method_for_all_sets_and_says_why(images, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command.auto, "candidates", lambda kind: ["random", "herding", "fair-latent"])
    output = tmp_path / "out"
    words = ("--dataset", images, "--output", output, "--per-class", 2, "--trainings", 1, "--seeds", 2)
    assert run("--method", "auto", *words) == 0
    facts = json.loads((output / "results.json").read_text())["facts"]
    first = facts["choice"][0]["method"]
    assert facts["command"]["method"] == first
    assert [made["method"] for made in facts["sets"]] == [first, first]
    printed = " ".join(capsys.readouterr().out.split())
    assert f"Chosen on validation: {first} " in printed
    assert "fair-latent is refused: --method fair-latent is for rows" in printed


@pytest.mark.parametrize("words", [("--steps", 5), ("--patience", 9), ("--resume",)])
def test_auto_refuses_what_is_for_one_method(words, images, tmp_path, capsys):
    assert run("--method", "auto", "--dataset", images, "--output", tmp_path / "out", *words) == 2
    message = f"{words[0]} is for one method; name the one that auto chose instead of --method auto"
    assert message in " ".join(capsys.readouterr().err.split())


def test_the_journey_from_images_to_the_report(journey):
    output, printed = journey
    assert {p.name for p in output.iterdir()} == {
        "set.safetensors",
        "card.json",
        "results.json",
        "results.csv",
        "report.html",
        "figure.png",
        "set.png",
    }
    synthetic = load_set(output)
    assert len(synthetic) == 6
    assert synthetic.nbytes == coded_bytes(as_bytes(synthetic.data), synthetic.y.to(torch.uint8))
    assert json.loads((output / "card.json").read_text(encoding="utf-8"))["payload_bytes"] == synthetic.nbytes
    assert synthetic.meta["method"] == "dm"
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in results["rows"]}
    assert list(rows) == [
        "distilled set",
        "random images, equal bytes",
        "all the data",
        "RS2: new random subset every step",
        "untrained network",
        "logistic regression on pixels of the same set",
        "majority class",
    ]
    distilled, drawn = (rows[name] for name in list(rows)[:2])
    assert (len(distilled["test"]), len(drawn["test"]), distilled["entries"]) == (4, 4, 6)
    # The larger of the two sets is the budget, so random images take at most as much.
    assert 0.9 * drawn["nbytes"] < distilled["nbytes"] < 1.2 * drawn["nbytes"]
    assert 3 < drawn["entries"] < 12
    assert rows["distilled set"]["distill_seconds"] > 0
    assert rows["all the data"]["nbytes"] == results["facts"]["training_bytes"] > synthetic.nbytes
    assert len(results["facts"]["sets"]) == 2
    assert "break_even_trainings" in results["facts"]
    assert "istilling" in printed
    assert "pays for itself" in printed
    assert "(the best at equal bytes)" in " ".join(printed.split())
    assert "images" in printed
    for name in ("results.json", "results.csv", "card.json"):
        assert str(output.parent.parent) not in (output / name).read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_files_in_any_number_of_processes(journey, images, tmp_path):
    assert run("--dataset", images, "--output", tmp_path / "again", *SMALL, "--jobs", 2, "--quiet") == 0
    for name in ("set.safetensors", "set.png"):
        assert (journey[0] / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    outputs = (journey[0], tmp_path / "again")
    rows = [json.loads((o / "results.json").read_text(encoding="utf-8"))["rows"] for o in outputs]
    rows = [[{k: v for k, v in row.items() if not k.endswith("seconds")} for row in part] for part in rows]
    assert rows[0] == rows[1]
    assert not list((tmp_path / "again").glob("checkpoint*"))


@pytest.mark.bits
def test_ctrl_c_and_resume_end_in_the_same_set(journey, images, tmp_path, monkeypatch, capsys):
    output, accumulate, calls = tmp_path / "out", MomentMatch.accumulate, []

    def interrupted(self, step):
        calls.append(1)
        if len(calls) == 8:  # in the second set
            raise KeyboardInterrupt
        return accumulate(self, step)

    monkeypatch.setattr(MomentMatch, "accumulate", interrupted)
    assert run("--dataset", images, "--output", output, *SMALL) == 1
    assert (
        "interrupted; no results were written; --resume continues from the last validation check"
        in capsys.readouterr().err
    )
    assert {p.name for p in output.iterdir()} == {"checkpoint-0.safetensors", "checkpoint-1.safetensors"}
    monkeypatch.setattr(MomentMatch, "accumulate", accumulate)
    assert run("--dataset", images, "--output", output, *SMALL, "--resume", "--quiet") == 0
    assert (output / "set.safetensors").read_bytes() == (journey[0] / "set.safetensors").read_bytes()
    assert not list(output.glob("checkpoint*"))


def test_a_loss_that_is_no_number_stops_with_a_way_on(images, tmp_path, monkeypatch, capsys):
    output, accumulate = tmp_path / "out", MomentMatch.accumulate
    monkeypatch.setattr(MomentMatch, "accumulate", lambda self, step: float("nan") if step.fraction_done > 0.5 else 0.0)
    assert run("--dataset", images, "--output", output, *SMALL) == 1
    printed = capsys.readouterr().err
    assert "the loss is nan or a value of the set is not finite at step 3 of the set of seed 0" in printed
    assert "last-good; run again with --resume" in printed
    assert len(load_set(output / "last-good")) == 6
    monkeypatch.setattr(MomentMatch, "accumulate", accumulate)
    assert run("--dataset", images, "--output", output, *SMALL, "--resume", "--quiet") == 0
    assert (output / "results.json").is_file()


def test_a_selection(images, tmp_path):
    words = ("--method", "herding", "--dataset", images, "--output", tmp_path / "out", "--per-class", 2)
    assert run(*words, "--trainings", 1, "--seeds", 1, "--quiet") == 0
    assert load_set(tmp_path / "out").meta["method"] == "herding"


def test_the_journey_from_nodes_to_the_report(tmp_path, capsys, monkeypatch):
    logged = tracked(monkeypatch)
    words = ("--method", "gcdm", "--dataset", "digits-knn", "--output", tmp_path / "out", *SMALL[:-1], 1)
    assert run(*words, "--track", "mlflow") == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "set.safetensors",
        "card.json",
        "results.json",
        "results.csv",
        "report.html",
        "figure.png",
        "set.png",
    }
    synthetic = load_set(tmp_path / "out")
    assert len(synthetic) == 20
    assert synthetic.nbytes == coded_bytes(*synthetic.arrays().values())
    assert (synthetic.meta["method"], synthetic.meta["dataset"]) == ("gcdm", "digits-knn")
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in results["rows"]}
    assert list(rows) == [
        "distilled set",
        "random nodes, equal bytes",
        "random nodes and the edges between them",
        "means of random groups of nodes",
        "all training nodes, propagated features",
        "all the data",
        "RS2: new random subset every step",
        "untrained network",
        "logistic regression on features of the same set",
        "majority class",
    ]
    distilled, drawn = (rows[name] for name in list(rows)[:2])
    assert (len(distilled["test"]), distilled["nbytes"], distilled["entries"]) == (2, synthetic.nbytes, 20)
    assert (len(drawn["test"]), drawn["entries"] >= 10) == (2, True)
    assert 0.9 * synthetic.nbytes < drawn["nbytes"] <= synthetic.nbytes
    assert rows["random nodes and the edges between them"]["entries"] == 20
    assert rows["distilled set"]["group"] == "GCN"
    assert rows["all the data"]["nbytes"] == results["facts"]["training_bytes"] > synthetic.nbytes
    printed = capsys.readouterr().out
    assert "nodes" in printed
    assert "Bytes are those of the coded set, labels included; features have at most 16 bits" in " ".join(
        printed.split()
    )
    assert "Chosen on validation:" in printed
    checks = [[step, values["set 0/valid"]] for step, values in logged if "set 0/valid" in values]
    assert checks == synthetic.meta["checks"]
    assert logged[-1][1]["distilled set/GCN/test"] == pytest.approx(rows["distilled set"]["mean"])


def test_a_method_that_is_not_for_graphs_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "load", lambda *_, **__: chains())
    assert run("--method", "dm", "--dataset", "chains", "--per-class", 2, "--output", tmp_path / "out") == 2
    printed = capsys.readouterr().err
    assert (
        "--method dm is for images and rows, but the data set holds graphs; for graphs choose from auto, doscond, "
        in printed
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dataset", "nonsense"), "nonsense"),
        (
            ("--dataset", "digits-knn"),
            "--method dm is for images and rows, but the data set holds nodes; for nodes choose from",
        ),
        (("--method", "gcdm"), "--method gcdm is for nodes, but the data set holds images; for images choose from"),
        (("--method", "dmm"), "--method 'dmm' is unknown. Did you mean dm?"),
        (("--per-class", 0), "--per-class must be 1 or more, got 0"),
        (("--per-class", 5000), "--per-class 5000 is more than the"),
        (("--method", "random", "--steps", 5), "--steps is for methods that learn"),
        (("--steps", 0), "--steps must be 1 or more, got 0"),
        (("--trainings", 0), "--trainings must be 1 or more, got 0"),
        (("--seeds", 0), "--seeds must be 1 or more, got 0"),
        (("--seed", -1), "--seed must be 0 or more, got -1"),
        (("--resume",), "--resume: there is no checkpoint in"),
        (("--per_clas", 3), "did you mean --per-class"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_code_two(words, message, tmp_path, capsys):
    assert run(*words, "--output", tmp_path / "out") == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_set_that_is_best_on_validation_is_saved(images, tmp_path, monkeypatch):
    scores = iter([0.1] * 6 + [0.2, 0.9, 0.3, 0.3, 0.3, 0.3] + [0.5] * 6)
    monkeypatch.setattr(distill_module, "valid_score", lambda protocol, synthetic: next(scores))
    words = ("--dataset", images, "--output", tmp_path / "out", *SMALL[:-1], 3, "--quiet")
    assert run(*words) == 0
    kept = load_set(tmp_path / "out").meta
    assert (kept["valid"], kept["chosen_step"]) == (0.9, 1)
    notes = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["notes"]
    assert "Saved: the set of seed 1, which is best on validation." in notes


def test_list_prints_all_methods_with_their_papers(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert run("--method", "list") == 0
    printed = capsys.readouterr().out
    for name in FAMILY.names():
        line, paper = FAMILY.about(name)
        assert name in printed
        assert line in printed
        assert paper in printed


def test_one_run_makes_one_protocol(images, tmp_path, monkeypatch):
    made, honest = [], command.protocol_of
    for module in (command, distill_module):
        monkeypatch.setattr(module, "protocol_of", lambda *a, **o: made.append(1) or honest(*a, **o))
    assert run("--dataset", images, "--output", tmp_path / "out", *SMALL, "--quiet") == 0
    assert made == [1]


def test_jobs_start_at_one(tmp_path, capsys):
    assert run("--output", tmp_path / "out", "--jobs", 0) == 2
    assert "--jobs must be 1 or more, got 0" in capsys.readouterr().err


def test_the_words_are_those_agreed_on():
    words = {
        "method",
        "dataset",
        "root",
        "output",
        "per_class",
        "steps",
        "checks",
        "patience",
        "bits",
        "tolerance",
        "trainings",
        "seeds",
        "seed",
        "label_column",
        "group_column",
    }
    assert {f.name for f in command.Command.__dataclass_fields__.values()} == words | {
        "skip_invalid",
        "resume",
        "device",
        "jobs",
        "track",
        "quiet",
        "debug",
    }


def test_it_is_a_command():
    words = [sys.executable, "-m", "graphdistill.condense", "--version"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    assert done.stdout == f"graphdistill {__version__}\n"


@pytest.mark.parametrize("method", ["random", "ridge"])
def test_the_journey_of_a_table(method, tmp_path):
    path = tmp_path / "people.csv"
    rows = [f"{20 + i % 37},{'fm'[i % 2]},{'low' if i % 37 < 19 else 'high'}" for i in range(120)]
    path.write_text("\n".join(["age,sex,income", *rows]), encoding="utf-8")
    words = ("--dataset", path, "--label-column", "income", "--group-column", "sex", "--output", tmp_path / "out")
    learns = ("--steps", 5, "--checks", 1) if method == "ridge" else ()
    assert run(*words, "--method", method, "--per-class", 2, *learns, "--trainings", 1, "--seeds", 1, "--jobs", 1) == 0
    assert {"set.safetensors", "set.png", "gaps.png", "report.html"} <= {p.name for p in (tmp_path / "out").iterdir()}
    synthetic = load_set(tmp_path / "out")
    assert synthetic.data.shape == (4, 1)
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in results["rows"]}
    assert rows["distilled set"]["nbytes"] == synthetic.nbytes
    assert rows["random rows, equal bytes"]["nbytes"] <= synthetic.nbytes
    assert results["metric"] == "rocauc"
    assert rows["majority class"]["others"] == {"parity gap": [0.0], "odds gap": [0.0]}
    assert rows["distilled set"]["others"].keys() == rows["all the data, reweighed by group"]["others"].keys()
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "groups of sex: 0 f, 1 m" in page
    assert "Gaps are the largest difference between groups of how often a class is predicted" in page


def test_a_method_for_images_is_refused_for_a_table(tmp_path, capsys):
    assert run("--dataset", "iris", "--method", "dc", "--output", tmp_path / "out") != 0
    assert (
        "--method dc is for images, but the data set holds rows; for rows choose from auto, dm, fair-latent"
        in " ".join(capsys.readouterr().err.split())
    )
