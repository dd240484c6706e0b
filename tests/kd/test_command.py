import json

import pytest
import torch

from graphdistill.datasets import load_domains
from graphdistill.kd import command, load_network
from graphdistill.kd.architectures import space
from graphdistill.kd.config import Command
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.evaluate import build
from graphdistill.kd.methods import FAMILY
from graphdistill.kd.selectors.molecule_critics import MoleculeCritics
from graphdistill.kd.teachers import sources
from tests.commands import runner
from tests.kd.samples import molecules, nodes

run = runner(command.main, Command, "kd", FAMILY)


@pytest.fixture(autouse=True)
def a_small_graph(monkeypatch):
    monkeypatch.setattr(command, "load", lambda name, root=None, seed=0: nodes())
    monkeypatch.setenv("COLUMNS", "80")


def test_the_journey_from_the_command_to_the_student(tmp_path, capsys):
    words = ("--dataset", "ring", "--steps", 20, "--eval-every", 10, "--seeds", 2, "--jobs", 1, "--temperature", 3)
    assert run("--output", tmp_path / "out", *words) == 0
    printed = capsys.readouterr().out
    assert "kd on ring: GCN to MLP" in printed
    assert max(map(len, printed.splitlines())) <= 80
    for row in ("teacher GCN", "MLP, labels alone", "MLP, kd", "MLP, untrained", "majority class"):
        assert row in printed
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"student.safetensors", "card.json", "report.html", "results.json", "results.csv", "figure.png"}
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert results["facts"]["command"]["options"]["temperature"] == 3
    assert [len(row["test"]) for row in results["rows"]] == [2, 2, 2, 2, 1]
    assert results["facts"]["paired"]["labels alone"]["count"] == 2
    card = json.loads((tmp_path / "out" / "card.json").read_text(encoding="utf-8"))["facts"]
    view = view_of(nodes())
    student = load_network(build(view, card["student"], "student", 5), tmp_path / "out")
    assert view.score(student, "valid") == card["valid"]


def test_a_student_asks_its_teacher(tmp_path, capsys, monkeypatch):
    words = ("--steps", 4, "--eval-every", 2, "--seeds", 2, "--jobs", 1, "--ask", 0.1, 0.5)
    assert run("--output", tmp_path, *words) == 0
    assert "(50% wished): accuracy" in capsys.readouterr().out
    facts = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["facts"]
    assert [[found["wished"] for found in seed] for seed in facts["ask"]] == [[0.1, 0.5]] * 2
    assert (tmp_path / "asking.png").stat().st_size > 10_000
    monkeypatch.setattr(command, "needs_teacher", lambda method: False)
    assert run("--output", tmp_path, *words) != 0
    assert "trains without a teacher that could be asked" in capsys.readouterr().err


def test_several_teachers_are_one(tmp_path, capsys):
    words = ("--steps", 4, "--eval-every", 2, "--seeds", 1, "--jobs", 1)
    assert run("--output", tmp_path / "out", *words, "--teacher", "GCN", "GraphSAGE", "GCN") == 0
    assert "kd on ring: 2 GCN + GraphSAGE to MLP" in capsys.readouterr().out
    assert run("--output", tmp_path / "again", *words, "--method", "meal-v2") == 0
    assert "meal-v2 on ring: 3 GCN to MLP" in capsys.readouterr().out


def test_teachers_of_other_data(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sources, "load", lambda name, root=None, seed=0: nodes())
    words = ("--steps", 4, "--eval-every", 2, "--seeds", 1, "--jobs", 1, "--sources", "one", "other")
    assert run("--output", tmp_path / "out", *words, "--method", "distill-weighted") == 0
    printed = capsys.readouterr().out
    assert "distill-weighted on ring: GCN of 2 sources to MLP" in printed
    assert "The teachers are trained on one, other." in printed


def test_a_student_that_was_searched_is_on_the_card_and_in_the_report(tmp_path, monkeypatch):
    monkeypatch.setattr(space, "WIDTHS", (4, 8, 12))
    words = ("--method", "diswot", "--steps", 4, "--seeds", 1, "--jobs", 1, "--repeats", 1, "--children", 3)
    assert run("--output", tmp_path / "out", "--budget", 300, *words) == 0
    sizes = json.loads((tmp_path / "out" / "card.json").read_text(encoding="utf-8"))["facts"]["architecture"]
    view = view_of(nodes())
    found = space.space_of(build(view, "", "student", 0), view).make(**sizes)
    assert load_network(found, tmp_path / "out") is found
    report = (tmp_path / "out" / "results.json").read_text(encoding="utf-8")
    assert f"Students that diswot found, by seed: width {sizes['width']}, depth {sizes['depth']}." in report


@pytest.mark.filterwarnings("ignore:the teacher's validation")
def test_methods_for_text_read_molecules_as_texts(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "load", lambda name, root=None, seed=0: molecules())
    monkeypatch.setattr(MoleculeCritics, "chosen", lambda critics, smiles, label: torch.arange(len(smiles)))
    words = ("--steps", 2, "--seeds", 1, "--jobs", 1, "--prompts", 4, "--samples", 1)
    assert run("--output", tmp_path / "out", "--method", "impossible-distillation", *words) == 0
    printed = capsys.readouterr().out
    assert "impossible-distillation on alcohols: Transformer to Transformer-32" in printed
    for row in ("Transformer-32, unfiltered", "Transformer-32, impossible-distillation"):
        assert row in printed
    assert "SMILES of alcohols; 0 molecules of 64 characters or more are left out" in " ".join(printed.split())


def test_self_distillation_has_no_teacher_and_shows_its_parts(tmp_path, capsys):
    words = ("--dataset", "ring", "--steps", 10, "--eval-every", 10, "--seeds", 1, "--jobs", 1, "--method", "sla")
    assert run("--output", tmp_path / "out", *words) == 0
    printed = capsys.readouterr().out
    assert "sla on ring: MLP" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert "teacher" not in printed
    for row in ("MLP, labels alone", "MLP, plain augmentation", "MLP, sla", "MLP, untrained"):
        assert row in printed
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert list(results["facts"]["paired"]) == ["labels alone", "plain augmentation"]
    card = json.loads((tmp_path / "out" / "card.json").read_text(encoding="utf-8"))["facts"]
    assert card["teacher"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "distill-nearest"], "--sources has no default for digits-knn"),
        (["--method", "sla", "--teacher", "GCN"], "--teacher GCN: sla trains without a teacher; leave it out"),
        (["--student", "ViT"], "--student 'ViT' is unknown for nodes; choose from MLP"),
        (["--teacher", "GIN"], "--teacher 'GIN' is unknown for nodes; choose from GCN"),
        (["--method", "kdd"], "--method 'kdd' is unknown"),
        (["--temperature", "0"], "--temperature must be above 0, got 0"),
        (["--method", "ddk"], "ddk needs two domains or more, but ring is one; name others by --domains"),
        (
            ["--method", "rad", "--queries", "0"],
            "--queries must be above 0 to 1, a share of the training entries, got 0",
        ),
        (["--method", "rad", "--queries", "0.01"], "is 1 questions, fewer than --rounds 5"),
        (["--method", "diswot", "--student", "mixed-GNN"], "there is no space of students like a MixedGNN to search"),
        (["--method", "diswot", "--budget", "1"], "--budget 1 is below the cost of every MLP in the space"),
        (["--method", "autodistil", "--student", "mixed-GNN"], "there is no space of students like a MixedGNN"),
        (["--method", "autodistil", "--teacher", "GCN", "GAT"], "a search compares hidden layers, which several"),
        (["--method", "sd-darts", "--student", "MLP"], "sd-darts needs a supernet, but the student is a MLP without"),
        (["--domains", "elsewhere"], "--domains 'elsewhere' is not a known data set"),
        (["--dataset", "nowhere", "--domains", "digits"], "--dataset 'nowhere' is not a known data set"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_training(words, message, tmp_path, capsys):
    assert run("--output", tmp_path / "out", *words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_domains_are_joined_and_the_worst_is_shown(monkeypatch, tmp_path, capsys):
    def joined(names, root=None, seed=0):
        assert names == ["ring", "other"]
        return load_domains([nodes(), nodes()])

    monkeypatch.setattr(command, "load_domains", joined)
    words = ("--dataset", "ring", "--domains", "other", "--method", "ddk", "--steps", 4, "--seeds", 1, "--jobs", 1)
    assert run("--output", tmp_path / "out", *words) == 0
    printed = capsys.readouterr().out
    assert "ddk on ring+ring: GCN to MLP" in printed
    assert "worst" in printed
    assert max(map(len, printed.splitlines())) <= 80
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert all(0 <= row["others"]["worst domain"][0] <= row["test"][0] for row in results["rows"][:-1])
