"""Notebooks run from the first cell to the last, and are stored without output."""

import json
import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
PRINTED = {
    "molecules": r"8000 training graphs.*test ROC-AUC 0\.[789]\d\d",
    "nodes": r"a GCN trained on 100 nodes: test accuracy 0\.[89].*without a graph: test accuracy 0\.9",
}


def code(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [("".join(cell["source"]), cell["outputs"]) for cell in cells if cell["cell_type"] == "code"]


def test_every_notebook_is_run():
    assert [path.stem for path in NOTEBOOKS] == sorted(PRINTED)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch, capsys):
    source = "\n\n".join(text for text, _ in code(path))
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng(devices=[]):
        exec(compile(source, path, "exec"), {"__name__": path.stem})
    printed = capsys.readouterr().out
    assert re.search(PRINTED[path.stem], printed, flags=re.DOTALL), printed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_output(path):
    assert all(not outputs for _, outputs in code(path))
