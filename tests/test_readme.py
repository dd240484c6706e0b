"""What README.md shows is run: its Python as it stands, its commands up to the first training."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from graphdistill.core import cli
from graphdistill.mirage.__main__ import Command

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m graphdistill\.mirage (.*)$", README, flags=re.MULTILINE)


PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_of_the_readme_runs(tmp_path):
    source = "\n".join(PYTHON)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=tmp_path, capture_output=True, text=True, check=True, env=environment
    )
    assert "graphs," in done.stdout
    assert "Data(" in done.stdout
    assert {p.name for p in (tmp_path / "pains-small").iterdir()} == {"card.json", "set.safetensors"}


def test_the_readme_has_commands():
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("words", COMMANDS)
def test_the_commands_of_the_readme_are_understood(words):
    seen = []
    assert cli.run(seen.append, Command, prog="mirage", description="Test.", argv=shlex.split(words)) == 0
    assert isinstance(seen[0], Command)
    assert shlex.split(words)[1] == seen[0].dataset


def test_files_that_the_readme_links_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
