"""Tests in a process of its own, since Triton reads whether to interpret when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def run(name: str, folder: Path, *options: str, **variables: str) -> None:
    """Run the tests of a file that pytest does not find by itself, with further options."""
    pytest.importorskip("triton", reason="triton is not installed")
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("TRITON_", "PYTEST_"))}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--no-header",
        *options,
        str(HERE / name),
    ]
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
