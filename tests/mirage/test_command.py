import ast
import contextlib
import io
import json
import os
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Batch

import graphdistill.mirage.command as command
from graphdistill import __version__
from graphdistill.core.evaluation import trees as evaluate
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.sets.storage import load_set, save_set
from graphdistill.core.training.fit import FitConfig
from graphdistill.core.training.metrics import score
from graphdistill.core.trees import training_split
from graphdistill.datasets import load_graphs
from graphdistill.mirage import MirageConfig, distill_mirage
from tests.commands import runner

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "examples" / "mirage_quickstart.py"
SMALL = ("--bytes", 150, "--curve", 0.7, "--networks", "GIN", "--trainings", 1)


@pytest.fixture(scope="module", autouse=True)
def short_trainings():
    """How well networks are trained is measured elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "TreeProtocol", partial(TreeProtocol, fit=FitConfig(steps=30, eval_every=10)))
        yield


@pytest.fixture(scope="module")
def molecules(tmp_path_factory):
    """A CSV file of 60 small molecules; those with nitrogen are positive."""
    rings = ("C1CC1", "C1CCC1", "C1CCCC1", "C1CCCCC1", "c1ccccc1", "c1ccoc1", "C1CCOC1", "c1ccsc1", "C1CO1", "C1CS1")
    smiles = [end + ring for ring in rings for end in ("O", "N", "CO", "CN", "OCC", "NCC")]
    lines = ["smiles,y", *(f"{s},{int('N' in s)}" for s in smiles)]
    path = tmp_path_factory.mktemp("data") / "molecules.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def journey(molecules, tmp_path_factory):
    """The output of one run, and what it printed."""
    output = tmp_path_factory.mktemp("run") / "out"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run("--dataset", molecules, "--output", output, *SMALL) == 0
    return output, printed.getvalue()


run = runner(command.main, command.Command, "mirage")


def test_the_journey_from_a_csv_file_to_the_report(journey):
    output, printed = journey
    assert "distilled set" in printed
    names = {"set.safetensors", "card.json", "results.json", "results.csv", "figure.png", "report.html"}
    assert {p.name for p in output.iterdir()} == names
    small = load_set(output)
    assert small.nbytes <= 150
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    rows = {row["name"] for row in results["rows"]}
    assert {
        "distilled set",
        "random graphs in the codec, hard labels",
        "random graphs in the codec, same soft labels",
        "random molecules as xz-ed SMILES",
        "all the data",
        "untrained network",
        "logistic regression on tree counts",
        "number of nodes",
        "number of heteroatoms",
    } <= rows
    assert any(row.startswith("distilled set, ") and row.endswith(" % of the bytes") for row in rows)
    for name in ("results.json", "results.csv", "card.json"):
        assert str(output.parent.parent) not in (output / name).read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_files_in_any_number_of_processes(journey, molecules, tmp_path):
    assert run("--dataset", molecules, "--output", tmp_path / "again", *SMALL, "--jobs", 2, "--quiet") == 0
    outputs = (journey[0], tmp_path / "again")
    for name in ("set.safetensors", "figure.png"):
        first, second = ((o / name).read_bytes() for o in outputs)
        assert first == second
    rows = [json.loads((o / "results.json").read_text(encoding="utf-8"))["rows"] for o in outputs]
    rows = [[{k: v for k, v in row.items() if not k.endswith("seconds")} for row in part] for part in rows]
    assert rows[0] == rows[1]


def test_explain_shows_and_writes_the_trees_of_the_teacher(molecules, tmp_path, capsys):
    words = ("--dataset", molecules, "--output", tmp_path, *SMALL, "--curve", 1, "--explain")
    assert run(*words) == 0
    printed = capsys.readouterr().out
    trees = json.loads((tmp_path / "explain.json").read_text(encoding="utf-8"))
    assert {tree["label"] for tree in trees} == {"class 0", "class 1"}
    assert all(tree["fragment"] in printed for tree in trees)
    assert "Trees that carry the teacher's weight" in printed
    assert (tmp_path / "explain.csv").exists()
    assert "explain.svg" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_lossless_and_thresholds(molecules, tmp_path):
    for words in (("--lossless",), ("--thresholds", 5, 5)):
        output = tmp_path / words[0].strip("-")
        base = ("--dataset", molecules, "--output", output, *SMALL[2:], "--quiet")
        assert run(*base, *words) == 0
        assert len(load_set(output)) > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dataset", "nonsense"), "nonsense"),
        (("--dataset", "pains", "--hops", -1), "--hops must be 0 or more, got -1"),
        (("--trainings", 0), "--trainings must be 1 or more, got 0"),
        (("--jobs", 0), "--jobs must be 1 or more, got 0"),
        (("--curve", 0.1, 0), "--curve takes shares above 0, got 0.1 0.0"),
        (("--device", "tpu"), "--device takes NAME (one of cpu, cuda, auto), got tpu"),
        (("--seed", -1), "--seed must be 0 or more, got -1"),
        (("--networks",), "--networks"),
        (("--networks", "GCNN"), "GCNN"),
        (("--bytes", 10, "--lossless"), "--bytes and --lossless each set the size"),
        (("--fractoin", 0.1), "did you mean --fraction"),
        (("--dataset", "digits"), "digits"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_code_two(words, message, tmp_path, capsys):
    assert run(*words, "--output", tmp_path / "out") == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_budget_below_the_smallest_set_leaves_nothing(molecules, tmp_path, capsys):
    assert run("--dataset", molecules, "--output", tmp_path / "out", "--bytes", 3) == 2
    assert "below one graph of each class" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_paper_thresholds_for_other_data_must_be_given(molecules, tmp_path, capsys):
    words = ("--dataset", molecules, "--output", tmp_path / "out", "--protocol", "paper")
    assert run(*words) == 2
    assert "give --thresholds, one support per class" in capsys.readouterr().err
    assert run(*words, "--thresholds", 5, 5, 5) == 2
    assert "has 3 values but" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_refused_before_any_work(molecules, tmp_path, capsys):
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    assert run("--dataset", molecules, "--output", tmp_path / "out") == 2
    assert "--output" in capsys.readouterr().err
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_ctrl_c_leaves_nothing(molecules, tmp_path, monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "train_plans", interrupt)
    assert run("--dataset", molecules, "--output", tmp_path / "out", *SMALL) == 1
    assert "interrupted; nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_one_run_grows_each_split_once_and_fits_one_teacher(molecules, tmp_path, monkeypatch):
    calls = []
    for module, name in (
        (training_split, "build_forest"),
        (evaluate, "build_forest"),
        (training_split, "TreeCountRegression"),
    ):
        honest = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, f=honest, n=name, **o: calls.append(n) or f(*a, **o))
    assert run("--dataset", molecules, "--output", tmp_path / "out", *SMALL, "--quiet") == 0
    assert sorted(calls) == ["TreeCountRegression", *["build_forest"] * 3]


def test_help_fits_on_a_screen(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    assert run("--help") == 0
    page = capsys.readouterr().out
    assert 20 <= len(page.splitlines()) <= 45
    assert "--fraction" in page


def test_it_is_a_command():
    words = [sys.executable, "-m", "graphdistill.mirage", "--version"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    assert done.stdout == f"graphdistill {__version__}\n"


def quickstart(folder):
    """Run the example on a saved set: its names, and what it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, torch.random.fork_rng(devices=[]):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["mirage_quickstart.py", str(folder)])
            return runpy.run_path(str(QUICKSTART), run_name="__main__"), printed.getvalue()


@torch.no_grad()
def logits_of(names, graphs):
    """What the network of the example says to real graphs, whose nodes each stand for themselves."""
    batch = Batch.from_data_list([graphs[i] for i in range(len(graphs))])
    batch.count = torch.ones(len(batch.x), dtype=torch.long)
    return names["network"](batch)


@pytest.mark.parametrize("labels", ["soft", "hard"])
def test_the_quickstart_trains_a_stock_network(labels, journey, molecules, tmp_path):
    data, folder = load_graphs(molecules), journey[0]
    if labels == "hard":
        folder = tmp_path
        save_set(distill_mirage(data, MirageConfig(lossless=True)), folder)
    names, printed = quickstart(folder)
    assert names["synthetic"].y.is_floating_point() == (labels == "soft")
    losses = [float(line.rsplit(" ", 1)[1]) for line in printed.splitlines()]
    assert losses[-1] < min(0.693, losses[0])
    # Molecules with nitrogen come first, among those of the test split, too.
    for split in ("train", "test"):
        graphs, y = data.split(split)
        assert score(logits_of(names, graphs), y, "rocauc") > 0.95
    torch.rand(7)
    assert quickstart(folder)[1] == printed


def test_the_quickstart_computes_on_a_lossless_set_what_it_computes_on_the_graphs(molecules, tmp_path):
    data = load_graphs(molecules)
    save_set(distill_mirage(data, MirageConfig(lossless=True)), tmp_path)
    names, _ = quickstart(tmp_path)
    with torch.no_grad():
        ours = names["network"](Batch.from_data_list(list(names["synthetic"])))
    wanted = logits_of(names, data.split("train")[0])
    torch.testing.assert_close(ours.sort(dim=0).values, wanted.sort(dim=0).values, rtol=1e-4, atol=1e-4)


def test_the_quickstart_is_short():
    body = ast.parse(QUICKSTART.read_text(encoding="utf-8")).body
    first = next(node for node in body[1:] if not isinstance(node, ast.Import | ast.ImportFrom))
    code = QUICKSTART.read_text(encoding="utf-8").splitlines()[first.lineno - 1 :]
    assert len([line for line in code if line.strip() and not line.strip().startswith(('"""', "#"))]) < 20


@pytest.fixture(scope="module")
def solubilities(molecules, tmp_path_factory):
    """The molecules with two made-up properties that add up over atoms, one of them with gaps."""
    lines = ["smiles,logs,other"]
    for number, line in enumerate(molecules.read_text().splitlines()[1:]):
        smiles = line.partition(",")[0]
        logs = 0.37 * smiles.count("O") - 0.61 * smiles.upper().count("C")
        lines.append(f"{smiles},{logs:.2f},{'' if number % 4 else len(smiles)}")
    path = tmp_path_factory.mktemp("targets") / "solubilities.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_regression_from_a_csv_file_to_the_report(solubilities, tmp_path, capsys):
    words = ("--dataset", solubilities, "--label-column", "logs", "--explain", *SMALL, "--bytes", 250)
    assert run(*words, "--output", tmp_path) == 0
    printed = capsys.readouterr().out
    assert "lower is better" in printed
    assert {"mae", "higher", "lower"} <= set(printed.split())
    small = load_set(tmp_path)
    assert (small.task, small.y.shape[1]) == ("regression", 1)
    assert small.nbytes <= 250
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["metric"] == "rmse"
    rows = {row["name"]: row for row in results["rows"]}
    assert {
        "distilled set",
        "random graphs in the codec, own targets",
        "random graphs in the codec, same soft targets",
        "random molecules as xz-ed SMILES",
        "all the data",
        "untrained network",
        "ridge regression on tree counts",
        "mean",
    } <= set(rows)
    assert all(set(row["others"]) == {"mae"} for row in rows.values())
    assert rows["ridge regression on tree counts"]["mean"] < rows["mean"]["mean"]
    trees = json.loads((tmp_path / "explain.json").read_text(encoding="utf-8"))
    assert {tree["label"] for tree in trees} == {"higher target", "lower target"}
    assert all((tree["strength"] > 0) == (tree["label"] == "higher target") for tree in trees)


def test_targets_with_gaps(solubilities, tmp_path):
    words = ("--dataset", solubilities, "--label-column", "logs,other", *SMALL[2:], "--bytes", 300, "--quiet")
    assert run(*words, "--output", tmp_path) == 0
    assert load_set(tmp_path).y.shape[1] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--thresholds", 5), "--thresholds need one label per graph, but solubilities.csv has targets of regression"),
        (("--thresholds", 5, "--task", "regression"), "--thresholds are supports of classes, which --task regression"),
        (("--protocol", "paper"), "--protocol paper has patterns of classes, but solubilities.csv has targets"),
        (("--protocol", "paper", "--task", "regression"), "--protocol paper has patterns of classes, not --task"),
        (("--bytes", 9), "the budget of 9 bytes is below one graph of each quantile of the targets, 8 graphs of"),
        (("--task", "classification"), "if they are targets and no classes, give --task regression"),
    ],
)
def test_what_is_of_classes_alone_is_refused_with_the_way_out(solubilities, tmp_path, capsys, words, message):
    base = ("--dataset", solubilities, "--label-column", "logs", "--output", tmp_path / "out")
    assert run(*base, *words) in (1, 2)
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
