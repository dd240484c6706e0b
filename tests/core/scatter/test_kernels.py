"""What can be proved of the CUDA kernels without a device: that they compile."""

from pathlib import Path

import pytest

from tests.core.scatter.triton_process import run


def test_the_kernels_compile_to_machine_code(tmp_path: Path) -> None:
    run("triton_compiled.py", tmp_path)
    assert any(tmp_path.rglob("*.cubin"))


@pytest.mark.long
def test_they_compile_for_older_devices(tmp_path: Path) -> None:
    run("triton_compiled.py", tmp_path, "-m", "long")
    assert any(tmp_path.rglob("*.cubin"))
