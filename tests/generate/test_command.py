import hashlib
import json
from dataclasses import replace

import pytest
import torch

from graphdistill.core.command import cli
from graphdistill.core.data.datasets import TableDataset
from graphdistill.core.training.fit import FitConfig
from graphdistill.generate import command, evaluate, load_generator, measures, teacher
from graphdistill.generate.config import Command
from graphdistill.generate.methods import FAMILY
from graphdistill.generate.space import entries_of
from graphdistill.generate.storage import FILE, card_facts
from graphdistill.generate.teacher import TeacherConfig
from tests.generate.samples import TINY
from tests.hostile import edit_card
from tests.kd.samples import nodes
from tests.protect.samples import images

SHORT = ("--steps", 2, "--batch-size", 8, "--teacher-steps", 3, "--trainings", 1, "--jobs", 1)
ROWS = (
    "distilled generator",
    "teacher, 49 evaluations",
    "teacher, 9 evaluations",
    "teacher in one step",
    "real entries",
)
CPU = torch.device("cpu")


def run(*words):
    argv = [str(word) for word in words]
    return cli.run(command.main, Command, prog="generate", description="Test.", argv=argv, family=FAMILY)


def rows_of_numbers():
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    place = torch.arange(60)
    return TableDataset("own", x, place % 2, place[:30], place[30:40], place[40:], columns=("a", "b", "c"))


@pytest.fixture(autouse=True)
def a_few_images(monkeypatch):
    known = {"cora": nodes, "own": rows_of_numbers, "other": lambda: replace(images(), name="other")}
    monkeypatch.setattr(command, "load", lambda name, root=None, seed=0: known.get(name, images)())
    monkeypatch.setattr(evaluate, "TIMED", 5)
    short, whole = FitConfig(steps=5), command.protocol_of
    monkeypatch.setattr(command, "protocol_of", lambda entries, **words: whole(entries, fit=short, **words))
    monkeypatch.setattr(measures, "FitConfig", lambda **_: short)
    monkeypatch.setattr(teacher, "default_network", lambda shape: TINY)
    monkeypatch.setenv("COLUMNS", "80")


def test_the_journey_from_data_to_a_generator_and_back(tmp_path, capsys):
    out, teachers = tmp_path / "out", tmp_path / "teachers"
    words = ("--method", "dmd2", "--seeds", 2, "--teacher", teachers, *SHORT)
    assert run("--output", out, *words) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    shown = " ".join(printed.split())
    assert "dmd2 on rows, 1 evaluation" in shown
    for word in ("distilled", "49", "real", "majority", "Frechet: distance to 15 test images", "No claim of privacy"):
        assert word in shown
    assert {path.name for path in out.iterdir()} == {
        *(FILE, "card.json", "report.html", "results.json", "results.csv", "figure.png", "samples.png", "steps.png")
    }
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in results["rows"]}
    assert set(ROWS) <= set(rows)
    assert results["facts"]["command"]["method"] == "dmd2"
    assert results["facts"]["command"]["options"]["critic_steps"] == 5
    assert all(len(rows[name]["others"]["Frechet"]) == 2 for name in ROWS)
    assert [rows[name]["others"].get("evaluations") for name in ROWS] == [
        *([count] * 2 for count in (1.0, 49.0, 9.0, 1.0)),
        None,
    ]

    # The generator of the seed that is best on validation was saved, whatever was measured on test entries.
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    assert hashlib.sha256((out / FILE).read_bytes()).hexdigest() == card["sha256"]
    facts = card_facts(out)
    assert facts["dataset"] == "rows"
    row = rows["distilled generator"]
    best = row["valid"].index(max(row["valid"]))
    assert facts["Frechet"] == round(row["others"]["Frechet"][best], 4)
    found = load_generator(out).sample(torch.arange(3), generator=torch.Generator().manual_seed(0))
    assert found.data.shape == (3, 1, 8, 8)

    # With the teachers that were kept another run gives the same numbers.
    assert {path.name for path in teachers.iterdir()} == {"0", "1"}
    before = {path: path.read_bytes() for path in teachers.rglob("*.*")}
    assert run("--output", tmp_path / "again", *words, "--seeds", 1, "--quiet") == 0
    assert capsys.readouterr().out == ""
    assert {path: path.read_bytes() for path in teachers.rglob("*.*")} == before
    again = json.loads((tmp_path / "again" / "results.json").read_text(encoding="utf-8"))["rows"]
    for row in again:
        if row["name"] in ROWS:
            assert row["others"]["Frechet"] == rows[row["name"]]["others"]["Frechet"][:1]
            assert row["test"] == rows[row["name"]]["test"][:1]


def test_images_are_resized_and_a_generator_may_take_steps(tmp_path, capsys):
    words = ("--method", "sim", "--image-size", 12, "--sampling-steps", 2, "--output", tmp_path)
    assert run(*words, *SHORT) == 0
    assert "sim on rows, 2 evaluations" in capsys.readouterr().out
    made = load_generator(tmp_path)
    assert (made.space.shape, made.evaluations) == ((1, 12, 12), 2)


def test_rows_of_a_table_are_drawn_on_a_map(tmp_path, capsys):
    assert run("--dataset", "own", "--method", "sim", "--output", tmp_path, *SHORT) == 0
    assert "20 test rows" in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "steps.png").exists()
    assert (tmp_path / "samples.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dataset", "cora"], "--dataset ring holds nodes"),
        (["--method", "dmd3"], "--method 'dmd3' is unknown. Did you mean dmd2?"),
        (["--sampling-steps", "0"], "--sampling-steps must be 1 or more, got 0"),
        (["--steps", "0"], "--steps must be 1 or more, got 0"),
        (["--method", "sim", "--c", "-1"], "--c must be 0 or more, got -1.0"),
        (["--image-size", "4"], "--image-size must be 8 or more, got 4"),
        (
            ["--start", "0.001", *map(str, SHORT)],
            "--start must be above the teacher's least noise level 0.01, got 0.001",
        ),
        (["--method", "sim", "--gan", "1"], "--gan"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_and_nothing_is_written(words, message, tmp_path, capsys):
    assert run("--output", tmp_path / "out", *words) == 2
    found = capsys.readouterr()
    assert message in " ".join(found.err.split())
    assert "Traceback" not in found.err
    assert not (tmp_path / "out").exists()


def saved(folder, data=None, config=TeacherConfig(steps=2), seed=0):
    return command.saved_teacher(entries_of(data or images()), folder, config, seed=seed, device=CPU)


def test_a_teacher_that_was_loaded_is_the_one_that_was_trained_to_the_bit(tmp_path):
    made, seconds = saved(tmp_path / "0")
    again, same = saved(tmp_path / "0")
    alone, _ = saved(None)
    assert seconds == same > 0
    for name, value in made.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        assert torch.equal(value, alone.state_dict()[name])


def test_a_folder_with_another_teacher_is_refused_and_stays(tmp_path):
    saved(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    changed = replace(images(), images=images().images.flip(3))
    for words, message in (
        (
            {"data": replace(images(), name="other")},
            "was trained with dataset 'rows', not 'other'; give another folder",
        ),
        ({"data": changed}, "was trained with data '[^']*', not '"),
        ({"config": TeacherConfig(steps=3)}, "was trained with steps 2, not 3; give another folder"),
        ({"seed": 1}, "was trained with seed 0, not 1; give another folder"),
    ):
        with pytest.raises(ValueError, match=message):
            saved(tmp_path, **words)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    edit_card(tmp_path, facts={})
    with pytest.raises(ValueError, match="was trained with dataset None, not 'rows'; give another folder"):
        saved(tmp_path)
    (tmp_path / FILE).unlink()
    with pytest.raises(FileNotFoundError, match="give the folder that save_generator wrote"):
        saved(tmp_path)


def test_the_command_names_the_folder_of_another_teacher(tmp_path, capsys):
    saved(tmp_path / "teachers" / "0", replace(images(), name="other"), TeacherConfig(steps=3))
    words = ("--teacher", tmp_path / "teachers", "--output", tmp_path / "out", *SHORT)
    assert run(*words) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert "was trained with dataset 'other', not 'rows'; give another folder" in message
    assert not (tmp_path / "out").exists()
