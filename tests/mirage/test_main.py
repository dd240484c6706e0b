import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import graphdistill.mirage.__main__ as command
from graphdistill import __version__
from graphdistill.core import cli
from graphdistill.core.storage import load_set

SMALL = ("--bytes", 700, "--networks", "GIN", "--seeds", 1)


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


def run(*words):
    return cli.run(command.main, command.Command, prog="mirage", description="Test.", argv=[str(w) for w in words])


def test_the_journey_from_a_csv_file_to_the_report(journey):
    output, printed = journey
    assert "distilled set" in printed
    names = {"set.safetensors", "card.json", "results.json", "results.csv", "figure.png"}
    assert {p.name for p in output.iterdir()} == names
    small = load_set(output)
    assert small.nbytes <= 700
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    rows = {row["name"] for row in results["rows"]}
    assert {
        "distilled set",
        "random graphs, equal bytes",
        "random graphs, packed alike",
        "all the data",
        "untrained network",
        "logistic regression on tree counts",
        "number of nodes",
        "number of heteroatoms",
    } <= rows
    assert any(row.startswith("curve") for row in rows)
    for name in ("results.json", "results.csv", "card.json"):
        assert str(output.parent.parent) not in (output / name).read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_files(journey, molecules, tmp_path):
    assert run("--dataset", molecules, "--output", tmp_path / "again", *SMALL, "--quiet") == 0
    outputs = (journey[0], tmp_path / "again")
    for name in ("set.safetensors", "figure.png"):
        first, second = ((o / name).read_bytes() for o in outputs)
        assert first == second
    tests = [json.loads((o / "results.json").read_text(encoding="utf-8"))["rows"] for o in outputs]
    assert [row["test"] for row in tests[0]] == [row["test"] for row in tests[1]]


def test_lossless_and_thresholds(molecules, tmp_path):
    for words in (("--lossless",), ("--thresholds", 5, 5)):
        output = tmp_path / words[0].strip("-")
        base = ("--dataset", molecules, "--output", output, "--networks", "GIN", "--seeds", 1, "--quiet")
        assert run(*base, *words) == 0
        assert len(load_set(output)) > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dataset", "nonsense"), "nonsense"),
        (("--dataset", "pains", "--hops", -1), "--hops must be 0 or more, got -1"),
        (("--seeds", 0), "--seeds must be 1 or more, got 0"),
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
    assert "below the smallest set" in capsys.readouterr().err
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

    monkeypatch.setattr(command, "train_rows", interrupt)
    assert run("--dataset", molecules, "--output", tmp_path / "out", *SMALL) == 1
    assert "interrupted; nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_fits_on_a_screen_and_version():
    words = [sys.executable, "-m", "graphdistill.mirage"]
    page = subprocess.run([*words, "--help"], capture_output=True, text=True, check=True, env=_env(COLUMNS="100"))
    assert len(page.stdout.splitlines()) <= 45
    assert "--fraction" in page.stdout
    version = subprocess.run([*words, "--version"], capture_output=True, text=True, check=True, env=_env())
    assert version.stdout == f"graphdistill {__version__}\n"


def test_the_quickstart_trains_a_stock_network(journey):
    script = Path(__file__).parents[2] / "examples" / "mirage_quickstart.py"
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 33
    words = [sys.executable, script, journey[0]]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=_env())
    losses = [float(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines()]
    assert losses[-1] < losses[0]


def _env(**extra):
    return {**os.environ, "OMP_NUM_THREADS": "1", **extra}
