import base64
import json

import pytest
import torch

from graphdistill.core.sets.storage import load_set
from graphdistill.protect import command, protect
from graphdistill.protect.config import Command
from graphdistill.protect.keys import number_of
from graphdistill.protect.methods import FAMILY, class_filters
from tests.commands import runner
from tests.kd.samples import nodes
from tests.protect.samples import images

SECRET = "a passphrase that nobody else knows"


run = runner(command.main, Command, "protect", FAMILY)


@pytest.fixture(autouse=True)
def a_few_images(monkeypatch):
    monkeypatch.setattr(command, "load", lambda name, root=None, seed=0: nodes() if name == "cora" else images())
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "my.key"
    path.write_text(SECRET + "\n", encoding="utf-8")
    return path


def test_the_journey_from_images_to_a_proof(key, tmp_path, capsys):
    out = tmp_path / "out"
    short = ("--steps", 6, "--trainings", 1, "--jobs", 1, "--networks", "MLP", "--defences", "smoothing")
    assert run("--key", key, "--output", out, "--filter-size", 5, *short) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    for row in ("original", "protected, smoothing", "one secret for all", "majority class", "nothing undoes it"):
        assert row in printed
    assert {path.name for path in out.iterdir()} == {
        *("set.safetensors", "card.json", "report.html", "results.json", "results.csv", "figure.png", "filters.png")
    }
    again = load_set(out)
    assert torch.equal(again.data, protect(images(), SECRET, class_filters.Config(filter_size=5)).data)
    facts = json.loads((out / "results.json").read_text(encoding="utf-8"))["facts"]
    assert set(facts["loses"]) == {"plain", "smoothing"}
    assert facts["command"]["key"] is None

    # Neither the key, nor its place, nor what secrets are drawn from is in what was written.
    number = number_of(SECRET)
    hidden = [SECRET.encode(), base64.b64encode(SECRET.encode()), SECRET.encode().hex().encode(), b"my.key"]
    hidden += [
        str(number).encode(),
        f"{number:032x}".encode(),
        number.to_bytes(16, "big"),
        number.to_bytes(16, "little"),
    ]
    hidden.append(class_filters.secrets(class_filters.Config(), 3, number, (8, 8)).numpy().tobytes()[:40])
    for path in out.iterdir():
        assert not any(secret in path.read_bytes() for secret in hidden), path

    before = {path: path.read_bytes() for path in out.iterdir()}
    assert run("--key", key, "--verify", out, "--output", out) == 0
    assert "was made of rows by this key: 100.0 % of the images are equal" in " ".join(capsys.readouterr().out.split())
    assert run("--key", key, "--verify", out, "--output", out, "--quiet") == 0
    assert capsys.readouterr().out == ""
    key.write_text("another passphrase", encoding="utf-8")
    assert run("--key", key, "--verify", out) == 2
    assert "does not explain it: correlation with the images of this key" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--key is missing; give the file of your private key"),
        (["--key", "absent.key"], "absent.key cannot be read: No such file or directory; make one:"),
        (["--key", "out/my.key"], "is in --output out, which is to be passed on; move it elsewhere"),
        (["--key", "my.key", "--dataset", "cora"], "ring holds nodes, but protection is for labelled images"),
        (["--key", "my.key", "--filter-size", "9"], "--filter-size 9 is larger than images of 8 x 8 pixels"),
        (["--key", "my.key", "--verify", "nowhere"], "card.json is missing; give the folder that save_set wrote"),
        (["--key", "my.key", "--defences", "hope"], "--defences takes"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_training(words, message, key, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "my.key").write_text(SECRET, encoding="utf-8")
    assert run("--output", "out", *words) != 0
    assert message in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["my.key"]
