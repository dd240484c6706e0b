import pytest
import torch
from torch import nn

from graphdistill.core.networks.onnx import export_network

onnxruntime = pytest.importorskip("onnxruntime")


def test_any_number_of_entries_and_no_dropout(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 30), nn.ReLU(), nn.Dropout(0.9), nn.Linear(30, 3))
    export_network(network, torch.zeros(2, 4), tmp_path / "new" / "network.onnx", int8=True)
    assert network.training
    session = onnxruntime.InferenceSession(tmp_path / "new" / "network.onnx", providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("x", ["N", 4])]
    network.eval()
    for count in (1, 9):
        x = torch.rand(count, 4)
        (found,) = session.run(["logits"], {"x": x.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), network(x).detach(), atol=0.02, rtol=0.0)


def test_a_file_names_no_module_line_or_path_of_the_machine(tmp_path):
    export_network(nn.Linear(4, 3), torch.zeros(2, 4), tmp_path / "network.onnx")
    data = (tmp_path / "network.onnx").read_bytes()
    assert len(data) < 500
    for word in (b"torch.nn", b".py", b"stack_trace", b"namespace"):
        assert word not in data
