import sys

import pytest
import torch

from graphdistill.vqgraph.onnx import export_onnx
from graphdistill.vqgraph.student import VQGraphStudent
from tests.kd.nodes.samples import rows

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture
def student():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        student = VQGraphStudent(9, 16, 3, num_layers=3, norm="batch_norm")
        student(rows(20, 9))
        return student


def test_onnxruntime_answers_what_torch_answers(student, tmp_path):
    export_onnx(student.train(), tmp_path / "new" / "student.onnx")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["student.onnx"]
    assert student.training
    session = onnxruntime.InferenceSession(tmp_path / "new" / "student.onnx", providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("x", ["N", 9])]
    assert [(o.name, o.shape) for o in session.get_outputs()] == [("logits", ["N", 3])]
    student.eval()
    for count in (1, 7, 1000):
        x = rows(count, 9, seed=count)
        (got,) = session.run(None, {"x": x.numpy()})
        torch.testing.assert_close(torch.from_numpy(got), student(x).detach(), rtol=1e-5, atol=1e-6)


def test_a_failure_leaves_nothing(student, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        args[2].write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch.onnx, "export", full)
    (tmp_path / "student.onnx").write_bytes(b"old")
    with pytest.raises(OSError, match="no space left"):
        export_onnx(student, tmp_path / "student.onnx")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_without_the_extra_it_is_named(student, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("onnx", "onnxscript")]:
        monkeypatch.delitem(sys.modules, name)
    for package in ("onnx", "onnxscript"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"needs onnx and onnxscript; pip install 'graphdistill\[onnx\]'"):
        export_onnx(student, tmp_path / "student.onnx")
    assert list(tmp_path.iterdir()) == []
