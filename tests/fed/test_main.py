import json

import pytest

from fed import __main__ as command
from graphdistill.core import cli


def run(*words):
    return cli.run(command.main, command.Command, prog="fed", description="", argv=list(words))


@pytest.mark.parametrize("method", ["fedavg-subset", "fedlgd"])
def test_from_the_command_to_a_report(method, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fed.virtual.warm_up.__defaults__", (2,))
    words = ["--dataset", "digits", "--partition", "iid", "--method", method, "--clients", "2", "--rounds", "2"]
    assert run(*words, "--per-class", "1", "--in-process", "--output", str(tmp_path / "out")) == 0
    said = capsys.readouterr().out
    assert "digits 0" in said
    assert "average" in said
    told = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["network"] for row in told["rows"]] == ["digits 0", "digits 1"]
    assert told["facts"]["bytes up"] > 2 * 2 * 4 * 10_000
    assert (tmp_path / "out" / "global.png").is_file() == (method == "fedlgd")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "fedmagic"], "--method takes NAME"),
        (["--per-class", "0", "--in-process"], "--per-class must be 1 or more"),
        (["--dataset", "digits"], "give --in-process"),
        (["--dataset", "digits", "--in-process", "--clients", "2000", "--partition", "iid"], "fewer clients"),
        (["--dataset", "nothing", "--in-process"], "not a known data set"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(words, said, capsys, tmp_path):
    assert run(*words, "--output", str(tmp_path / "out")) == 2
    told = capsys.readouterr().err
    assert said in told
    assert not (tmp_path / "out").exists()
