import hashlib
import json

import pytest

from graphdistill.kd import load_network
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.evaluate import build
from graphdistill.unlearn import command
from graphdistill.unlearn.config import Command
from graphdistill.unlearn.methods import FAMILY
from tests.commands import runner
from tests.kd.samples import images

SHORT = ("--steps", 4, "--unlearn-steps", 2, "--vae-steps", 2, "--jobs", 1, "--network", "MLP")


run = runner(command.main, Command, "unlearn", FAMILY)


@pytest.fixture(autouse=True)
def a_few_images(monkeypatch):
    monkeypatch.setattr(command, "load", lambda name, root=None, seed=0: images())
    monkeypatch.setenv("COLUMNS", "80")


def test_the_journey_from_a_request_to_the_model_and_on(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("7\n3\n5 7\n", encoding="utf-8")
    out = tmp_path / "out"
    assert run("--output", out, "--request", tmp_path / "mine.txt", "--seeds", 2, *SHORT) == 0
    printed = capsys.readouterr().out
    assert "laf on rows, MLP without 3 images" in printed
    assert max(map(len, printed.splitlines())) <= 80
    for row in ("given model", "retrained", "fine-tune", "gradient-ascent", "laf", "not a certificate"):
        assert row in printed
    assert {path.name for path in out.iterdir()} == {
        *("model.safetensors", "card.json", "request.json", "report.html", "results.json", "results.csv", "figure.png")
    }
    assert (out / "request.json").read_text(encoding="utf-8") == "[3, 5, 7]\n"
    facts = json.loads((out / "results.json").read_text(encoding="utf-8"))["facts"]
    for file, found in (
        ("request.json", facts["request"]["sha256"]),
        ("model.safetensors", facts["models"]["unlearned_sha256"]),
    ):
        assert hashlib.sha256((out / file).read_bytes()).hexdigest() == found
    assert facts["models"]["given_sha256"] != facts["models"]["unlearned_sha256"]
    assert set(facts["minus_retrained"]["laf"]) == {"remaining", "forgotten", "held_out", "attack"}
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))["facts"]
    view = view_of(images())
    model = load_network(build(view, card["network"], "network", 5), out, file="model.safetensors")
    assert view.score(model, "valid") == card["valid"]

    # A model that was saved is the given one of the next request.
    assert run("--output", tmp_path / "on", "--model", out, "--forget-class", 1, "--seeds", 1, *SHORT[:-2]) == 0
    again = json.loads((tmp_path / "on" / "results.json").read_text(encoding="utf-8"))["facts"]
    assert again["models"]["given_sha256"] == facts["models"]["unlearned_sha256"]
    assert again["request"]["entries"] == 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--request", "absent.txt"], "--request absent.txt cannot be read: No such file or directory"),
        (["--request", "far.txt"], "--request far.txt has entry 900, but rows has entries 0 to 89"),
        (["--forget-class", "12"], "--forget-class 12 has no training entries in rows; choose from 0, 1, 2"),
        (["--forget-share", "0.999"], "--forget-share 0.999 holds all 60 training entries"),
        (["--network", "GIN"], "--network 'GIN' is unknown for images; choose from"),
        (["--model", "nowhere"], "card.json is missing; give the folder that save_network wrote"),
        (["--model", "bare"], "--model bare: its card names no network; give --network"),
        (["--model", "other"], "--model other was trained on cora, but --dataset is rows"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_training(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "far.txt").write_text("900", encoding="utf-8")
    for folder, facts in (("bare", {}), ("other", {"dataset": "cora", "network": "GCN"})):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "card.json").write_text(json.dumps({"format": 1, "facts": facts}), encoding="utf-8")
    assert run("--output", tmp_path / "out", *words) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
