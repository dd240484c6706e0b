"""The command ``graphdistill``: what it lists, and that it runs the others."""

import subprocess
import sys
from pathlib import Path

import pytest

import graphdistill
from fed.methods import FAMILY as FED
from graphdistill.__main__ import COMMANDS, main
from graphdistill.condense.methods import FAMILY as CONDENSE

ROOT = Path(__file__).parent.parent


def test_every_method_is_listed_with_its_paper(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: graphdistill COMMAND")
    for family in (CONDENSE, FED):
        for name in family.names():
            assert any(f" {name} " in line for line in lines), name
            assert any(family.about(name)[1] in line for line in lines), name
    assert any("https://openreview.net/forum?id=h6Tz85BqRI" in line for line in lines)


def test_commands_run_by_their_names(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"graphdistill {graphdistill.__version__}\n"
    assert main(["mirgae"]) == 2
    assert "'mirgae' is no command. Did you mean mirage? Choices: mirage, condense" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_its_help(command):
    done = subprocess.run(
        [sys.executable, "-m", "graphdistill", command, "--help"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: python -m {COMMANDS[command]}" in done.stdout


def test_a_failure_has_the_exit_code_of_its_command():
    words = [sys.executable, "-m", "graphdistill", "mirage", "--hops", "0"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "--hops must be 1 or more" in done.stderr


def test_public_names_are_imported_on_first_use():
    script = "import graphdistill, sys; print('torch' in sys.modules, graphdistill.load is not None)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "False True\n"
    for name in graphdistill.__all__:
        assert getattr(graphdistill, name).__name__ == name
    with pytest.raises(AttributeError, match="module 'graphdistill' has no attribute 'laod'"):
        graphdistill.laod  # noqa: B018
