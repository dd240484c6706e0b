import logging
import sys

import pytest
import torch
from torch import nn

from graphdistill.compress.context import Compressed
from graphdistill.compress.methods.quantized import rounded
from graphdistill.compress.methods.sparse_2_4 import pruned
from graphdistill.compress.onnx import check_exportable, export_onnx, export_rows, run
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.evaluate import build
from tests.compress.samples import trained
from tests.kd.samples import images, nodes

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")


def session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def by_hand(network, x):
    """A perceptron whose weights, and inputs of each layer, are rounded to 256 steps that hold 0 exactly."""

    def steps(value):
        low, high = value.min().clamp(max=0), value.max().clamp(min=0)
        step = (high - low) / 255
        zero = (-low / step).round()
        return ((value / step).round() + zero).clamp(0, 255).sub(zero) * step

    _, one, _, two = network
    hidden = (steps(x.flatten(1)) @ steps(one.weight).T + one.bias).relu()
    return steps(hidden) @ steps(two.weight).T + two.bias


def test_a_sparse_network_answers_as_in_torch_from_fewer_bytes(tmp_path):
    view, network = trained()
    small = pruned(network, "2:4")
    rows = export_rows({"float network": Compressed(network, {}), "small": small}, view, tmp_path)
    assert list(rows) == ["float network", "small", "small, int8"]
    assert {path.name for path in tmp_path.iterdir()} == {"float.onnx", "compressed.onnx", "compressed-int8.onnx"}
    found = rows["small"]
    assert found.nbytes < rows["float network"].nbytes
    assert found.largest_difference < 1e-5
    assert found.agreement == 1
    assert found.test == view.score(small.network, "test")
    assert set(found.milliseconds) == {"1, p50", "1, p99", "64, p50", "64, p99"}
    assert "bytes, accuracy" in found.explained("accuracy")


def test_from_codes_the_runtime_has_the_logits_of_floats_to_the_bit(tmp_path):
    view, network = trained()
    small = rounded(network, 2)
    coded = export_onnx(small.network, view, tmp_path / "coded.onnx", parts=small.parts, draws=1)
    plain = export_onnx(small.network, view, tmp_path / "plain.onnx", draws=1)
    assert coded.nbytes < 0.6 * plain.nbytes
    for count in (1, 7):
        x = view.data.images[:count]
        logits = run(session(coded.path), x)
        torch.testing.assert_close(logits, small.network(x).detach(), atol=1e-5, rtol=1e-5)
        assert torch.equal(logits, run(session(plain.path), x))
    held = {w.name: onnx.numpy_helper.to_array(w) for w in onnx.load(coded.path).graph.initializer}
    assert max(array.size for array in held.values() if array.dtype == "float32") <= 16
    assert held["1.weight.packed"].shape == (16 * 64 // 4, 1)


def test_eight_bits_are_what_rounding_by_hand_gives(tmp_path):
    view, network = trained()
    small = rounded(network, bits=8).network
    found = export_onnx(small, view, tmp_path / "int8.onnx", int8=True, draws=1)
    for count in (1, 7):
        x = view.data.images[:count]
        with torch.no_grad():
            expected = by_hand(small, x)
        torch.testing.assert_close(run(session(found.path), x), expected, atol=2e-3, rtol=2e-3)
    whole = {w.name: w.data_type for w in onnx.load(found.path).graph.initializer if w.name.endswith("_quantized")}
    assert len(whole) == 2
    assert set(whole.values()) == {onnx.TensorProto.UINT8}


def test_nodes_come_as_rows_and_the_log_stays_as_it_was(tmp_path):
    view = NodeView(nodes())
    before = logging.root.manager.disable
    network = build(view, "MLP", "student", 0).eval()
    assert export_onnx(network, view, tmp_path / "nodes.onnx", draws=1).largest_difference < 1e-5
    assert logging.root.manager.disable == before


def test_what_reads_more_than_features_is_refused():
    view = NodeView(nodes())
    with pytest.raises(ValueError, match="networks of one input, but GCN reads x and edge_index; give a ConvNet"):
        check_exportable(build(view, "GCN", "teacher", 0), view)
    check_exportable(nn.Linear(3, 2), ImageView(images()))


def test_without_the_extra_it_is_named(tmp_path, monkeypatch):
    view, network = trained()
    for name in [name for name in sys.modules if name.split(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"needs onnx, onnxscript and onnxruntime; pip install"):
        export_onnx(network, view, tmp_path / "b.onnx", int8=True, draws=1)
    assert not (tmp_path / "b.onnx").exists()
