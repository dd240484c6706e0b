"""A student in the pipelines of others: stock PyG, torch's compilers and GraphGym."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.export import Dim
from torch.utils.data import DataLoader, TensorDataset
from torch_geometric.data import Data
from torch_geometric.nn import MLP

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.nodes.config import TeacherConfig
from graphdistill.kd.nodes.teachers import build_teacher, fit_teacher
from graphdistill.vqgraph.distill import VQGraphConfig, distill_vqgraph
from graphdistill.vqgraph.student import VQGraphStudent
from tests.kd.nodes.samples import rows, small

EXAMPLES = Path(__file__).parents[2] / "examples"


def a_student(**options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        student = VQGraphStudent(9, 16, 3, **options)
        student(rows(20, 9))
        return student.eval()


def run(*words, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(EXAMPLES.parent)}
    words = [sys.executable, *map(str, words)]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environment, **options).stdout


@pytest.mark.parametrize("norm", [None, "batch_norm", "layer_norm"])
@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_weights_move_to_and_from_a_stock_mlp(num_layers, norm):
    student = a_student(num_layers=num_layers, norm=norm)
    # PyG takes its layer norm over all nodes by default.
    kwargs = {"mode": "node"} if norm == "layer_norm" else None
    mlp = MLP([9] + [16] * (num_layers - 1) + [3], norm=norm, norm_kwargs=kwargs).eval()
    x = rows(7, 9)
    mlp.load_state_dict(student.state_dict())
    assert torch.equal(mlp(x), student(x))
    back = VQGraphStudent(9, 16, 3, num_layers, norm=norm).eval()
    back.load_state_dict(mlp.state_dict())
    assert torch.equal(back(x), student(x))


def test_it_takes_the_place_of_a_graph_network_and_reads_no_edge():
    student, data = a_student(), small()
    nodes = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    assert torch.equal(student(data.x, data.edge_index), student(data.x))
    assert torch.equal(student(data.x, data.edge_index[:, :0]), student(data.x))
    torch.testing.assert_close(student(data.x[nodes]), student(data.x)[nodes])


@pytest.mark.parametrize("norm", [None, "batch_norm", "layer_norm"])
def test_one_node_is_answered_as_in_a_crowd(norm):
    student, x = a_student(norm=norm), small().x
    torch.testing.assert_close(torch.cat([student(row[None]) for row in x]), student(x))


def test_rows_come_from_a_plain_loader():
    student, data = a_student(), small()
    loader = DataLoader(TensorDataset(data.x, data.y), batch_size=7)
    torch.testing.assert_close(torch.cat([student(x) for x, _ in loader]), student(data.x))


@pytest.mark.parametrize("norm", [None, "batch_norm", "layer_norm"])
def test_torch_export_keeps_the_number_of_rows_open(norm, tmp_path):
    student = a_student(num_layers=3, norm=norm)
    program = torch.export.export(student, (rows(2, 9),), dynamic_shapes={"x": {0: Dim("N")}})
    torch.export.save(program, tmp_path / "student.pt2")
    again = torch.export.load(tmp_path / "student.pt2").module()
    for count in (1, 7, 500):
        torch.testing.assert_close(again(rows(count, 9)), student(rows(count, 9)))


def test_torch_export_takes_the_edges_of_a_graph_network_too():
    student, data = a_student(), small()
    shapes = {"x": {0: Dim("N")}, "edge_index": {1: Dim("E")}}
    program = torch.export.export(student, (data.x, data.edge_index), dynamic_shapes=shapes).module()
    torch.testing.assert_close(program(data.x[:5], data.edge_index[:, :3]), student(data.x[:5]))


def test_torch_compile_makes_one_graph_for_any_number_of_rows():
    student = a_student()
    compiled = torch.compile(student, fullgraph=True, dynamic=True)
    with torch.no_grad():
        for count in (7, 1, 500):
            torch.testing.assert_close(compiled(rows(count, 9)), student(rows(count, 9)))


GRAPHGYM = """
import sys, types, warnings
warnings.simplefilter("ignore")  # GraphGym wishes for yacs and lightning, which a forward pass does not need
sys.path.insert(0, sys.argv[1])
import graphgym_student, torch
from torch_geometric.data import Batch, Data
from torch_geometric.graphgym.model_builder import GraphGymModule
from torch_geometric.graphgym.register import network_dict

x, y, mask = torch.ones(5, 4), torch.arange(5) % 2, torch.tensor([True, False, True, False, False])
batch = Batch.from_data_list([Data(x=x, y=y, edge_index=torch.empty(2, 0).long(), train_mask=mask, val_mask=~mask)])
config = types.SimpleNamespace(model=types.SimpleNamespace(type="vqgraph_student"))
network = GraphGymModule(4, 2, config)
for split in ("train", "val"):
    batch.split = split
    pred, true = network(batch)
    torch.nn.functional.cross_entropy(pred, true).backward()
    print(list(pred.shape), true.tolist())
print(all(p.grad is not None for p in network.parameters()))
"""


def test_graphgym_takes_it_as_a_network():
    out = run("-c", GRAPHGYM, EXAMPLES)
    assert out == "[2, 2] [0, 0]\n[3, 2] [1, 1, 0]\nTrue\n"


def test_a_data_object_is_answered_as_by_any_network():
    data = small()
    graph = Data(x=data.x, edge_index=data.edge_index)
    assert a_student()(graph.x, graph.edge_index).shape == (60, 3)


@pytest.mark.bits
@pytest.mark.parametrize("batch_size", [None, 256])
def test_any_number_of_threads_gives_the_same_bytes(batch_size):
    data, outs = load("digits-knn"), []
    assert isinstance(data, NodeDataset)
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            with scoped(0, "teacher"):
                teacher, layer = build_teacher("GCN", data.x.shape[1], 10)
            fit_teacher(teacher, data, TeacherConfig(epochs=3, batch_size=batch_size))
            # A tokenizer takes the most time, so one of the two is enough.
            config = VQGraphConfig(epochs=3, batch_size=batch_size, code_weight=0.0 if batch_size else 0.1)
            found = distill_vqgraph(teacher, data, config, layer=layer)
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(before)
        modules = [m for m in (teacher, found.student, found.tokenizer, found.head) if m is not None]
        outs.append([value for module in modules for value in module.state_dict().values()])
    assert all(torch.equal(a, b) for a, b in zip(*outs, strict=True))
