"""What holds for all tests."""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from matplotlib.figure import Figure

import graphdistill as graphdistill  # first, so that ogb does not ask the network for updates, whatever imports it

# torch's compiler finds the programs that it keeps without asking which vector instructions they are for, or which
# arguments our operators take by now.
capability = os.environ.get("ATEN_CPU_CAPABILITY", "native")
operators = Path(graphdistill.__file__).parent.joinpath("core", "scatter", "_ops.py").read_bytes()
folder = Path(tempfile.gettempdir(), f"torchinductor-{os.getuid()}-{capability}-{zlib.crc32(operators):08x}")
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))

pytest.register_assert_rewrite("tests.figure_checks")

# Commands take a process for each core by default; tests run side by side themselves.
os.environ["LOKY_MAX_CPU_COUNT"] = "1"

# How long an example takes says how busy the machine is, not whether it is right.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need a GPU where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="there is no CUDA device"))


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is saved while a test runs."""
    kept: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (kept.append(self), save(self, *a, **k))[1])
    return kept


# Read here, because the tests of loaders hide it.
DATA = os.environ.get("GRAPHDISTILL_DATA")


@pytest.fixture(scope="session")
def cora() -> object:
    """Cora of the CPF collection, from ``$GRAPHDISTILL_DATA``."""
    from graphdistill.datasets import load

    try:
        return load("cora", DATA, seed=0)
    except FileNotFoundError as error:
        pytest.skip(str(error))
