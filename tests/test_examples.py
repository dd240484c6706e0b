"""Examples run as a person types them first: without an argument."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parent.parent / "examples"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
EXAMPLES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py"))
# Those that are not run here are run in tests/condense/matching/test_objective.py, tests/fed/test_main.py and, as a
# whole federation, in tests/fed/test_federation.py.
QUICK = {
    "federated_features.py": r"coded features: accuracy 0\.9\d\d, \d\d?\.\d bytes an image",
    "generator_quickstart.py": r"500 images in 1 evaluation each.*\n.*: 9\d\.\d% of real test images correct",
    "graphgym_student.py": r"step 100: loss 0\.\d+, validation accuracy 0\.[89]",
    "kd_own_models.py": r"418 parameters, [89]\d\.\d% of the test images correct",
    "lossless_own_model.py": r"LosslessLoader: loss (0\.\d+) after(.*\n)*the same object on an ordinary batch: .*3, 2",
    "mirage_quickstart.py": r"epoch 29: loss 0\.[0-5]",
}


def test_the_readme_lists_every_example_and_its_command():
    rows = [line for line in README.splitlines() if line.startswith("| [")]
    listed = {re.match(r"\| \[(.*?)\]\((.*?)\) \|", row).groups(): row for row in rows}
    assert sorted(listed) == [(name, name) for name in EXAMPLES]
    for (name, _), row in listed.items():
        _, about, command, time = row.strip("| ").split(" | ")
        assert re.fullmatch(rf"`python examples/{re.escape(name)}( \[FOLDER\])?`", command)
        assert about
        assert time


@pytest.mark.parametrize("name", QUICK)
def test_an_example_answers_without_an_argument(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name])
    with torch.random.fork_rng(devices=[]):
        runpy.run_path(str(FOLDER / name), run_name="__main__")
    printed = capsys.readouterr()
    assert re.search(QUICK[name], printed.out)
    assert printed.out.isascii()


def test_it_does_so_from_any_folder_and_on_any_terminal(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    odd = {"PYTHONIOENCODING": "ascii", "MPLBACKEND": "nonsense", "TMPDIR": str(there)}
    environment = {**os.environ, **odd, "PYTHONPATH": str(FOLDER.parent)}
    words = [sys.executable, str(FOLDER / "vqgraph_in_pyg.py")]
    done = subprocess.run(words, cwd=here, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    share, count = re.match(r"(\d+\.\d)% of (\d+) unseen nodes correct", lines[0]).groups()
    assert float(share) > 90
    assert int(count) > 200
    assert lines[1] == "the same in torch_geometric.nn.MLP: True"
    assert lines[3].startswith("digit ")
    assert sum(line.startswith("  code ") for line in lines) == 3
    (folder,) = [path for path in there.iterdir() if f"saved in {path}\n" in done.stdout]
    assert {path.name for path in folder.iterdir()} == {"card.json", "codes.safetensors", "student.safetensors"}
    assert list(here.iterdir()) == []
