"""What can be proved of the CUDA kernels without a device: how they compute.

On a machine with CUDA the tests of the public functions run these kernels too, through the fixture `device`; only there
do races and speed show.
"""

from pathlib import Path

import pytest

from tests.core.scatter.triton_process import run


@pytest.mark.long
def test_interpreted_the_kernels_compute_what_the_reference_does(tmp_path: Path) -> None:
    run("triton_interpreted.py", tmp_path, TRITON_INTERPRET="1")
