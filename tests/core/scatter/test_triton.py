"""What can be proved of the CUDA kernels without a device, in two processes: how they compute, and that they compile.

Triton reads whether to interpret when it is imported, hence the processes. On a machine with CUDA the tests of the
public functions run these kernels too, through the fixture `device`; only there do races and speed show.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def run(name: str, folder: Path, **variables: str) -> None:
    """Run the tests of a file that pytest does not find by itself."""
    pytest.importorskip("triton", reason="triton is not installed")
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("TRITON_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", str(HERE / name)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=mine | {"TRITON_CACHE_DIR": str(folder)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_interpreted_the_kernels_compute_what_the_reference_does(tmp_path: Path) -> None:
    run("triton_interpreted.py", tmp_path, TRITON_INTERPRET="1")


def test_the_kernels_compile_to_machine_code(tmp_path: Path) -> None:
    run("triton_compiled.py", tmp_path)
    assert any(tmp_path.rglob("*.cubin"))
