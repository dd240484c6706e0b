"""Many graphs of the user's own, and what is no list of them."""

import time

import numpy as np
import pytest
import torch
from torch.utils.data import Subset
from torch_geometric.data import Batch, Data, HeteroData, InMemoryDataset
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import ToSparseTensor

from graphdistill.condense import CondenseConfig, distill_condense
from graphdistill.datasets import load
from graphdistill.mirage import MirageConfig, distill_mirage

PAIR = torch.tensor([[0, 1], [1, 0]])


def graph(y, **changes):
    return Data(**{"x": torch.tensor([[0.0], [1.0]]), "edge_index": PAIR, "y": y, **changes})


def graphs(count=40, **changes):
    return [graph(torch.tensor([i % 2]), **changes) for i in range(count)]


class OneGraph(InMemoryDataset):
    def __init__(self):
        super().__init__()
        many = Data(x=torch.rand(6, 2), edge_index=PAIR, y=torch.tensor([0, 1] * 3), train_mask=torch.ones(6).bool())
        self.data, self.slices = self.collate([many])


def labelled_nodes(nodes=5):
    return [Data(x=torch.rand(nodes, 2), edge_index=PAIR, y=torch.arange(nodes) % 2) for _ in range(20)]


@pytest.mark.parametrize(
    "collection",
    [tuple(graphs()), (g for g in graphs()), Subset(graphs(50), range(40))],
    ids=["tuple", "generator", "subset"],
)
def test_whatever_yields_graphs_is_a_list_of_them(collection):
    data = load(collection)
    assert (len(data.graphs), len(data.train), data.y.tolist()) == (40, 32, [0, 1] * 20)


@pytest.mark.parametrize(
    ("collection", "message"),
    [
        (DataLoader(graphs(), 4), r"^name is a DataLoader, which yields batches; .*datasets\.load\(loader\.dataset\)$"),
        (Batch.from_data_list(graphs()), r"^name is a \w*Batch, .*datasets\.load\(batch\.to_data_list\(\)\)$"),
        ([Batch.from_data_list(graphs())], r"^name\[0\] is a Batch; give its graphs: batch\.to_data_list\(\)$"),
        (OneGraph(), r"^name\[0\]\.y holds 6 labels for 6 nodes: .*the right call is datasets\.load\(dataset\[0\]\)"),
        (labelled_nodes(), r"^name\[0\]\.y holds 5 labels for 5 nodes: these are labels of nodes, not of graphs; "),
        (HeteroData(), r"^name is a HeteroData; .*: give data\.to_homogeneous\(\)$"),
        (None, "^name is a NoneType; give the name of a data set, a path, a list of torch_geometric Data objects"),
        ({"a": 1}, "^name is a dict; give the name"),
        (np.zeros(3), "^name is a ndarray; give the name"),
        (torch.zeros(3), "^name is a Tensor; give the name"),
        (3, "^name is a int; give the name"),
    ],
)
def test_what_is_no_list_of_graphs_is_refused_with_the_right_call(collection, message):
    with pytest.raises(ValueError, match=message):
        load(collection)


def test_one_hot_labels_are_classes_and_others_tasks():
    data = load([graph(torch.eye(3)[[i % 3]]) for i in range(60)])
    assert (data.task, data.y.tolist()) == ("multiclass", [0, 1, 2] * 20)
    assert "one-hot labels read as classes" in data.notes
    assert load([graph(torch.tensor([[1.0, i % 2]])) for i in range(40)]).task == "multilabel"


@pytest.mark.parametrize("big", [10**5, 10**9, 2**62])
def test_ids_for_labels_are_refused_at_once(big):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"torch\.unique\(y, return_inverse=True\)\[1\] numbers them from 0"):
        load([graph(torch.tensor([(i % 2) * big])) for i in range(40)])
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": None, "pos": torch.rand(2, 3)}, r"^name\[0\] has pos but no x; positions are not read .*x=pos"),
        (
            {"edge_weight": torch.tensor([0.5, 2])},
            r"^name\[0\]\.edge_weight is not read by any method; give it as edge_",
        ),
        ({"edge_index": torch.zeros(3, 2).long()}, r"^name\[0\]\.edge_index is \[3, 2\]; .* edge_index\.t\(\)"),
        ({"x": torch.zeros(2, 2, 2)}, r"^name\[0\]\.x is \[2, 2, 2\]; "),
        ({"num_nodes": 3}, r"^name\[0\]\.x has 2 rows but num_nodes is 3; "),
        ({"x": torch.tensor([[0.0], [torch.inf]])}, r"^graphs\[0\]\.x holds inf in row 1, column 0; "),
        (
            {"x": torch.tensor([[0], [10**9]])},
            r"^x holds 1000000000 in row 1, column 0; integers are categories from 0",
        ),
        ({"y": torch.zeros(3, 2)}, r"^name\[0\]\.y is \[3, 2\]; give one class, or tasks as \[1, T\]$"),
        ({"y": "cat"}, r"^name\[0\]\.y holds text such as cat; number them"),
    ],
)
def test_what_graphs_cannot_hold_is_refused_with_the_way_out(changes, message):
    with pytest.raises(ValueError, match=message):
        load([graph(**{"y": torch.tensor([i % 2]), **changes}) for i in range(40)])


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_other_forms_of_one_graph_are_the_same():
    plain = load(graphs(edge_attr=torch.tensor([[1], [2]])))
    forms = {"x": np.array([[0.0], [1]]), "edge_index": PAIR.int().numpy(), "edge_attr": np.array([1, 2])}
    assert load(graphs(**forms)).graphs.edge_attr.tolist() == plain.graphs.edge_attr.tolist()
    sparse = load([ToSparseTensor()(g) for g in graphs()])
    assert torch.equal(sparse.graphs.edge_index.sort().values, load(graphs()).graphs.edge_index.sort().values)


def test_self_loops_are_left_out_with_a_note():
    loops = torch.tensor([[0, 0, 1, 1], [0, 1, 0, 1]])
    data = load(graphs(edge_index=loops, edge_attr=torch.arange(4)))
    assert data.graphs[0].edge_index.tolist() == PAIR.tolist()
    assert data.graphs[0].edge_attr.tolist() == [[1], [2]]
    assert "self-loops of 40 graphs left out" in data.notes


def test_methods_take_lists_of_graphs():
    many = [graph(torch.tensor([i % 2]), x=torch.tensor([[0], [i % 2]])) for i in range(40)]
    assert len(distill_mirage(many, MirageConfig(bytes=60, hops=1))) > 0
    assert len(distill_condense(many, CondenseConfig(method="herding", per_class=1))) == 2
    with pytest.raises(ValueError, match=r"^name is a DataLoader, which yields batches"):
        distill_mirage(DataLoader(many, 4))
