import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphdistill.core.command.drawing import Figure

ROOT = Path(__file__).parents[3]
SOURCES = sorted(path for top in ("graphdistill", "fed", "examples") for path in (ROOT / top).rglob("*.py"))
BACKENDS = ["module://matplotlib_inline.backend_inline", "module://nothing", "nonsense", "", "qtagg"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_figures_are_drawn_whatever_the_backend_is_called(backend, tmp_path):
    source = """
import os, sys
from graphdistill.core.command.drawing import Figure
figure = Figure(layout="constrained")
figure.subplots().plot([1, 2])
figure.savefig("figure.png")
import matplotlib
print(os.environ["MPLBACKEND"], matplotlib.rcParams._get("backend") == "qtagg", "matplotlib.pyplot" in sys.modules)
"""
    environment = {**os.environ, "MPLBACKEND": backend, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", source]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment)
    assert (tmp_path / "figure.png").read_bytes()[1:4] == b"PNG"
    # One that exists is left for those who go on to draw by pyplot.
    assert done.stdout == f"{backend} {backend == 'qtagg'} False\n"


def test_one_module_alone_imports_matplotlib():
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.partition(".")[0] == "matplotlib" for name in names):
                found.add(path.relative_to(ROOT).as_posix())
    assert found == {"graphdistill/core/command/drawing.py"}


def test_a_backend_that_was_chosen_before_stays(monkeypatch):
    import matplotlib

    from graphdistill.core.command.drawing import no_backend

    before = matplotlib.get_backend()
    monkeypatch.setenv("MPLBACKEND", "svg")
    with no_backend():
        assert "MPLBACKEND" not in os.environ
    assert os.environ["MPLBACKEND"] == "svg"
    assert matplotlib.get_backend() == before
    assert Figure().canvas.figure is not None
