from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cloudpickle
import pytest
import torch

import graphdistill.vqgraph.command as command
import graphdistill.vqgraph.distill as distill_module
from graphdistill import __version__
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.datasets import load
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.vqgraph import evaluate, load_student, paper
from graphdistill.vqgraph.config import VQGraphConfig
from graphdistill.vqgraph.evaluate import METHODS, NAMES
from graphdistill.vqgraph.storage import load_codes
from tests.commands import runner
from tests.kd.nodes.samples import small

ROOT = Path(__file__).parents[2]
FILES = {
    "student.safetensors",
    "codes.safetensors",
    "card.json",
    "results.json",
    "results.csv",
    "figure.png",
    "report.html",
}
QUICK = ("--num-codes", 6, "--hidden", 8, "--seeds", 2)


@pytest.fixture(scope="module", autouse=True)
def a_small_graph_and_short_trainings() -> Iterator[None]:
    def tiny(name: Any, root: Any = None, *, seed: int = 0) -> Any:
        made = replace(small(seed=seed), name="digits-knn", notes="A small graph.")
        return made if name == "digits-knn" else load(name, root, seed=seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "load", tiny)
        patch.setattr(command, "VQGraphConfig", partial(VQGraphConfig, epochs=8, teacher=TeacherConfig(epochs=5)))
        patch.setattr(command, "latency", partial(evaluate.latency, draws=3))
        yield


run = runner(command.main, command.Command, "vqgraph")


def printed_by(*words: object) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "120")
        assert run(*words) == 0
    return printed.getvalue()


def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The output of one run, and what it printed."""
    output = tmp_path_factory.mktemp("run") / "out"
    return output, printed_by("--output", output, *QUICK)


def test_the_words_are_those_that_were_promised() -> None:
    words = "dataset root output seed device jobs track quiet debug teacher layer num_codes hidden setting protocol"
    assert [f.name for f in fields(command.Command)] == [*words.split(), "full_batch_nodes", "seeds"]
    assert command.Command().dataset == "digits-knn"


@pytest.mark.parametrize("protocol", ["honest", "paper"])
def test_a_seed_travels_between_processes(protocol: Literal["honest", "paper"]) -> None:
    words = command.Command(num_codes=6, hidden=8, seed=3, protocol=protocol)
    first = command.nodes_of(words, 3)
    context = pickle.loads(pickle.dumps((words, first, Progress(quiet=False))))
    scores, networks = command._score_seed(context, 3)
    there, sent = cloudpickle.loads(cloudpickle.dumps((scores, networks)))
    assert there == scores
    assert networks is not None
    x = first.x.float()
    assert torch.equal(sent[1].student(x), networks[1].student(x))
    assert sent[2] == networks[2]
    assert command._score_seed(context, 4)[1] is None


def test_teacher_outputs_are_computed_once_for_all_students(monkeypatch: pytest.MonkeyPatch) -> None:
    features, honest = list[torch.Tensor](), evaluate.teacher_outputs

    def teacher_outputs(*args: Any, **options: Any) -> Any:
        features.append(args[2])
        return honest(*args, **options)

    for module in (evaluate, distill_module):
        monkeypatch.setattr(module, "teacher_outputs", teacher_outputs)
    words = command.Command(num_codes=6, hidden=8)
    command._score_seed((words, command.nodes_of(words, 0), NO_PROGRESS), 0)
    # KRD also asks for those on noisy features.
    assert [torch.equal(x, features[0]) for x in features] == [True] + 5 * [False]


def test_jobs_start_at_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--output", tmp_path / "out", "--jobs", 0) == 2
    assert "--jobs must be 1 or more, got 0" in capsys.readouterr().err


def test_the_journey_from_a_graph_to_the_report(journey: tuple[Path, str]) -> None:
    output, printed = journey
    assert {path.name for path in output.iterdir()} == FILES
    for name in NAMES:
        assert (NAMES[name].format("GCN") in printed) == (name in METHODS)
    # Lines are wrapped to the width of the table.
    for word in ("over GLNN", "codes live, perplexity", "revivals", "One node: teacher", "over 2 seeds"):
        assert word in " ".join(printed.split())
    assert f"written to {output}" in printed.replace("\n", "")
    found = results(output)
    assert [row["name"] for row in found["rows"]] == [NAMES[name].format("GCN") for name in METHODS]
    for row in found["rows"]:
        assert row["group"] == "test"
        assert row["seeds"] == len(row["test"]) == 2
        assert row["mean"] == pytest.approx(sum(row["test"]) / 2)
        assert row["std"] == pytest.approx(abs(row["test"][0] - row["test"][1]) / 2**0.5)
    facts = found["facts"]
    assert set(facts["health"]) == {"perplexity", "live", "codes", "revivals"}
    assert facts["health"]["codes"] == 6
    assert set(facts["milliseconds"]) == {"teacher", "teacher, PyG", "student", "student, full batch"}
    assert facts["config"]["num_codes"] == facts["command"]["num_codes"] == 6
    assert facts["peak_memory"] > 0
    assert "A small graph." in found["notes"]
    for name in ("results.json", "results.csv", "card.json"):
        assert str(output.parent.parent) not in (output / name).read_text(encoding="utf-8")
    with (output / "results.csv").open(encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == 1 + 2 * len(METHODS)


def test_the_student_and_its_codes_are_those_of_the_first_seed(journey: tuple[Path, str]) -> None:
    student, codes = load_student(journey[0]), load_codes(journey[0])
    assert student.config["hidden_channels"] == 8
    data = evaluate.normalize_features(small())
    with torch.no_grad():
        right = student(data.x).argmax(dim=1) == data.y
    row = next(row for row in results(journey[0])["rows"] if row["name"] == NAMES["vqgraph"])
    assert float(right[data.test].float().mean()) == pytest.approx(row["test"][0])
    assert codes.linear.out_features == 6
    card = json.loads((journey[0] / "card.json").read_text(encoding="utf-8"))
    assert card["facts"]["dataset"] == "digits-knn"
    assert (card["facts"]["teacher"], card["facts"]["seed"]) == ("GCN", 0)
    assert "torch.nn.functional.normalize" in card["facts"]["features"]


@pytest.mark.bits
def test_the_same_seed_gives_the_same_files(journey: tuple[Path, str], tmp_path: Path) -> None:
    before = torch.get_rng_state()
    assert printed_by("--output", tmp_path / "again", *QUICK, "--quiet") == ""
    for name in ("student.safetensors", "codes.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (journey[0] / name).read_bytes()
    tests = [[row["test"] for row in results(folder)["rows"]] for folder in (journey[0], tmp_path / "again")]
    assert tests[0] == tests[1]
    assert torch.equal(before, torch.get_rng_state())


def test_a_second_run_takes_the_place_of_the_first_and_leaves_other_files(tmp_path: Path) -> None:
    words = ("--output", tmp_path, "--num-codes", 6, "--seeds", 1, "--quiet")
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    for hidden in (8, 12):
        assert run(*words, "--hidden", hidden) == 0
        assert load_student(tmp_path).config["hidden_channels"] == hidden
    assert {path.name for path in tmp_path.iterdir()} == FILES | {"mine.txt"}


def test_inductive_reports_seen_unseen_and_production(tmp_path: Path) -> None:
    printed = printed_by("--output", tmp_path, *QUICK, "--setting", "inductive", "--teacher", "GraphSAGE")
    assert all(column in printed for column in ("tran", "ind", "prod"))
    found = results(tmp_path)
    assert len(found["rows"]) == 3 * len(METHODS)
    by_name = {(row["name"], row["group"]): row["mean"] for row in found["rows"]}
    for name in METHODS:
        tran, ind, prod = (by_name[NAMES[name].format("GraphSAGE"), column] for column in ("tran", "ind", "prod"))
        assert prod == pytest.approx(0.8 * tran + 0.2 * ind)
    assert "inductive" in found["title"]


def test_the_published_protocol_says_so_everywhere(tmp_path: Path) -> None:
    printed = printed_by("--output", tmp_path, *QUICK, "--protocol", "paper")
    found = results(tmp_path)
    assert "the published protocol" in found["title"]
    assert "the published protocol" in " ".join(printed.split())
    assert any("selected on TEST overestimate" in note for note in found["notes"])
    names = [row["name"] for row in found["rows"]]
    assert len(names) == 8
    for row in found["rows"]:
        assert bool(row["valid"]) == ("TEST" not in row["name"])
    assert sum("TEST" in name for name in names) == 3


@pytest.mark.parametrize("name", ["cora", "citeseer"])
def test_the_reported_number_stands_beside_ours(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "load", lambda *args, **kwargs: replace(small(), name=name))
    printed_by("--dataset", name, "--output", tmp_path, *QUICK, "--seeds", 1, "--protocol", "paper")
    assert any(f"{paper.PUBLISHED[name]}" in note for note in results(tmp_path)["notes"])


def test_a_large_graph_goes_in_batches(tmp_path: Path) -> None:
    assert run("--output", tmp_path, *QUICK, "--seeds", 1, "--quiet", "--full-batch-nodes", 10) == 0
    config = results(tmp_path)["facts"]["config"]
    assert config["batch_size"] > 0
    assert config["feature_neighbours"] == 0
    assert {path.name for path in tmp_path.iterdir()} == FILES


@pytest.mark.parametrize("teacher", ["GAT", "APPNP"])
def test_other_teachers_and_layers(teacher: str, tmp_path: Path) -> None:
    layer = "hidden" if teacher == "APPNP" else "convs.1"
    assert run("--output", tmp_path, *QUICK, "--seeds", 1, "--quiet", "--teacher", teacher, "--layer", layer) == 0
    assert results(tmp_path)["rows"][0]["name"] == f"teacher {teacher}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dataset", "digits"), "--dataset digits does not hold the nodes of one graph; choose for example"),
        (("--dataset", "nonsense"), "nonsense"),
        (("--setting", "semi"), "--setting takes NAME (one of transductive, inductive), got semi"),
        (("--protocol", "papers"), "--protocol takes NAME (one of honest, paper), got papers"),
        (("--teacher", "GIN"), "--teacher takes NAME (one of GCN, GraphSAGE, GAT, APPNP), got GIN"),
        (
            ("--protocol", "paper", "--setting", "inductive"),
            "--protocol paper is transductive, got --setting inductive",
        ),
        (("--seeds", 0), "--seeds must be 1 or more, got 0"),
        (("--seed", -1), "--seed must be 0 or more, got -1"),
        (("--num-codes", 0), "--num-codes must be 1 or more, got 0"),
        (("--hidden", 0), "--hidden must be 1 or more, got 0"),
        (("--num-codes", 61), "is 61 but there are only 60 nodes"),
        (("--num-codes", 6, "--layer", "convs.9"), "layer 'convs.9' is not in the teacher; it has"),
        (("--num-code", 6), "did you mean --num-codes"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_code_two(
    words: tuple[object, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, "--output", tmp_path / "out") == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "load", lambda *args, **kwargs: pytest.fail("loaded"))
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    assert run("--output", tmp_path / "out") == 2
    assert "--output" in capsys.readouterr().err
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 1), (ValueError("no"), 2), (OSError("no"), 1)])
def test_a_run_that_fails_at_the_end_leaves_nothing(
    error: BaseException,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(command, "draw", fail)
    assert run("--output", tmp_path / "out", *QUICK, "--seeds", 1, "--quiet") == code
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_help_fits_on_a_screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert run("--help") == 0
    page = capsys.readouterr().out
    assert 15 <= len(page.splitlines()) <= 45
    for f in fields(command.Command):
        assert f"--{f.name.replace('_', '-')}" in page


def test_it_is_a_command() -> None:
    words = [sys.executable, "-m", "graphdistill.vqgraph", "--version"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    assert done.stdout == f"graphdistill {__version__}\n"
