"""What can be proved of the CUDA kernels without a device: that they compile."""

from pathlib import Path

from tests.core.scatter.triton_process import run


def test_the_kernels_compile_to_machine_code(tmp_path: Path) -> None:
    run("triton_compiled.py", tmp_path)
    assert any(tmp_path.rglob("*.cubin"))
