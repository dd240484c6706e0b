"""One graph of the user's own, with labelled nodes and masks."""

import pytest
import scipy.sparse
import torch
from torch_geometric import EdgeIndex
from torch_geometric.data import Data
from torch_geometric.transforms import ToSparseTensor

from graphdistill.condense import CondenseConfig, distill_condense
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.datasets import load, load_graphs
from graphdistill.kd.nodes.teachers import build_teacher, fit_teacher
from graphdistill.mirage import distill_mirage
from graphdistill.vqgraph.distill import distill_vqgraph


def mask(*nodes):
    out = torch.zeros(5, dtype=torch.bool)
    out[list(nodes)] = True
    return out


def graph(**changes):
    """A path of five nodes, the first two for training and the third for validation."""
    path = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])
    parts = {"x": torch.eye(5), "edge_index": path, "y": torch.tensor([0, 1, 0, 1, 0])}
    return Data(**{**parts, "train_mask": mask(0, 1), "val_mask": mask(2), **changes})


def test_masks_become_splits_and_edges_stay_as_they_are():
    data = load(graph(test_mask=mask(4)))
    assert isinstance(data, NodeDataset)
    assert (data.train.tolist(), data.valid.tolist(), data.test.tolist()) == ([0, 1], [2], [4])
    assert torch.equal(data.edge_index, graph().edge_index)
    assert torch.equal(data.x, torch.eye(5))


def test_without_a_test_mask_the_rest_is_test():
    assert load(graph()).test.tolist() == [3, 4]


def test_labels_may_be_a_column_and_unknown_ones_nan():
    data = load(graph(y=torch.tensor([[0.0], [1.0], [0.0], [torch.nan], [1.0]])))
    assert data.y.tolist() == [0, 1, 0, -1, 1]


def test_integer_features_become_floats():
    assert load(graph(x=torch.eye(5).long())).x.dtype == torch.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": None}, r"^name\.x is missing; one graph needs x, edge_index, y, train_mask and val_mask$"),
        ({"y": None}, r"^name\.y is missing"),
        ({"edge_index": None}, r"^name\.edge_index is missing"),
        ({"train_mask": None}, r"^name\.train_mask is missing"),
        ({"val_mask": None}, r"^name\.val_mask is missing"),
        ({"y": torch.tensor([0, 1])}, r"^name\.y must hold one class for each of 5 nodes, got \[2\]$"),
        (
            {"y": torch.zeros(5, 2)},
            r"^name\.y must hold one class for each entry, got \[5, 2\]; give .*argmax",
        ),
        ({"edge_index": torch.tensor([[0], [7]])}, r"^name\.edge_index must hold nodes from 0 to 4, got 7$"),
        (
            {"train_mask": torch.tensor([0, 5])},
            r"^name\.train_mask must be a mask, bool \[5\], or hold",
        ),
        (
            {"test_mask": torch.ones(3).bool()},
            r"^name\.test_mask must be a mask, .*, got torch\.bool \[3\]$",
        ),
    ],
)
def test_what_is_missing_or_does_not_fit_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        load(graph(**changes))


def test_test_nodes_are_the_labelled_ones_of_the_rest():
    assert load(graph(y=torch.tensor([0, 1, 0, -1, 1]))).test.tolist() == [4]


@pytest.mark.parametrize(
    "masks",
    [
        {"train_mask": torch.tensor([0, 1]), "val_mask": torch.tensor([2])},
        {"train_mask": mask(0, 1).to(torch.uint8), "val_mask": mask(2).long()},
        {"train_mask": mask(0, 1).numpy(), "val_mask": mask(2)[:, None]},
    ],
)
def test_masks_may_be_numbers_of_nodes_or_of_other_types(masks):
    data = load(graph(**masks))
    assert [s.tolist() for s in (data.train, data.valid, data.test)] == [[0, 1], [2], [3, 4]]


def test_a_column_of_masks_is_taken_by_its_number():
    masks = {"train_mask": torch.stack([mask(0, 1), mask(1, 2)], 1), "val_mask": torch.stack([mask(2), mask(0)], 1)}
    assert load(graph(**masks, test_mask=mask(4)), split=1).train.tolist() == [1, 2]
    assert load(graph(**masks), split=0).valid.tolist() == [2]
    with pytest.raises(
        ValueError, match=r"^name\.train_mask has 2 columns, a split each; say which to take: .*split=0"
    ):
        load(graph(**masks))
    with pytest.raises(ValueError, match=r"^split=2 is not a column of name\.train_mask, which has 0 to 1$"):
        load(graph(**masks), split=2)
    with pytest.raises(ValueError, match=r"^split=0 names a column of masks"):
        load(graph(), split=0)


def test_splits_stand_in_for_masks():
    splits = torch.tensor([0, 3]), torch.tensor([1]), torch.tensor([4])
    data = load(graph(train_mask=None), splits=splits)
    assert [s.tolist() for s in (data.train, data.valid, data.test)] == [[0, 3], [1], [4]]


EDGES = {(0, 1), (1, 2), (2, 3), (3, 4)}


@pytest.mark.parametrize(
    "edge_index",
    [
        graph().edge_index.int(),
        graph().edge_index.double(),
        graph().edge_index.numpy(),
        EdgeIndex(graph().edge_index),
    ],
)
def test_edges_of_any_whole_numbers(edge_index):
    found = load(graph(edge_index=edge_index)).edge_index
    assert type(found) is torch.Tensor
    assert (found.dtype, set(map(tuple, found.T.tolist()))) == (torch.long, EDGES)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_transposed_adjacency_becomes_edges(layout):
    data = ToSparseTensor(layout=layout)(graph())
    assert set(map(tuple, load(data).edge_index.T.tolist())) == EDGES


@pytest.mark.parametrize(
    "x",
    [torch.eye(5).to_sparse(), torch.eye(5).numpy(), scipy.sparse.eye(5), torch.eye(5).half(), torch.eye(5).bool()],
)
def test_features_of_any_form(x):
    found = load(graph(x=x)).x
    assert (found.dtype, found.tolist()) == (torch.float32, torch.eye(5).tolist())


def test_a_single_column_of_features_may_be_flat():
    assert load(graph(x=torch.arange(5))).x.tolist() == [[0], [1], [2], [3], [4]]


def test_one_hot_labels_are_classes_and_weights_of_one_say_nothing():
    assert load(graph(y=torch.eye(2)[graph().y], edge_weight=torch.ones(4))).y.tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": torch.rand(5)}, r"^name\.y holds 0\.\d+ at 0; classes are whole numbers from 0: bin targets"),
        ({"y": ["a", "b", "a", "b", "a"]}, r"^name\.y holds text such as a; number them"),
        ({"y": torch.tensor([0, -1, 0, 1, 0])}, "^y has no label at 1 of the nodes of train, the first is 1; take"),
        ({"y": torch.tensor([0, 10**9, 0, 1, 0])}, "^y holds class 1000000000 but only 5 labels; torch.unique"),
        ({"y": torch.tensor([0, 2, 0, 2, 0])}, "^y holds classes up to 2 but none of class 1; torch.unique"),
        ({"y": torch.tensor([0, 0, 0, 0, 0])}, "^y holds a single class, 0; "),
        ({"y": torch.tensor([0, 0, 0, 0, 1])}, r"^class 1 has none of the training nodes \(0 in train, 0 in valid, 1"),
        ({"val_mask": mask(1)}, "^train and valid share 1 of the nodes, the first is 1; "),
        ({"val_mask": mask()}, "^valid has no nodes; "),
        ({"test_mask": mask()}, "^test has no nodes; "),
        ({"val_mask": mask(2, 3, 4)}, "^test has no nodes; "),
        ({"train_mask": torch.tensor([0.0, 1, 0, 0, 0])}, r"^name\.train_mask must be a mask, .*torch\.float32 \[5\]$"),
        ({"train_mask": torch.tensor([0, 0, 1])}, r"^name\.train_mask must be a mask, .* hold distinct numbers"),
        ({"x": torch.full((5, 2), torch.nan)}, "^x holds nan in row 0, column 0; "),
        ({"x": torch.full((5, 2), 1e300, dtype=torch.double)}, "^x holds inf in row 0, column 0; "),
        ({"x": torch.zeros(5, 2, 2)}, r"^name\.x is \[5, 2, 2\]; give one row of features each, such as by x\.flatten"),
        ({"x": torch.zeros(5, 0)}, r"^name\.x is \[5, 0\]; "),
        ({"x": torch.zeros(5, 1).cfloat()}, r"^name\.x is complex; give real numbers$"),
        ({"num_nodes": 7}, r"^name\.x has 5 rows but num_nodes is 7; give each node one row$"),
        (
            {"edge_index": graph().edge_index.T},
            r"^name\.edge_index is \[4, 2\]; it must be \[2, E\]: give edge_index\.t",
        ),
        ({"edge_index": torch.rand(2, 3)}, r"^name\.edge_index holds fractions; give the numbers of nodes$"),
        ({"edge_index": torch.ones(5, 5).bool()}, r"^name\.edge_index is boolean; .* by matrix\.nonzero\(\)\.T$"),
        ({"edge_index": torch.eye(5).to_sparse()}, r"^name\.edge_index is a sparse matrix; give it as adj_t"),
        ({"edge_weight": torch.rand(4)}, r"^name\.edge_weight is not read by any method; .*data\.edge_weight = None$"),
        ({"edge_attr": torch.rand(4, 2)}, r"^name\.edge_attr is not read of one graph .*data\.edge_attr = None$"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_way_out(changes, message):
    with pytest.raises(ValueError, match=message):
        load(graph(**changes))


def test_every_method_has_the_same_words():
    data = graph(x=torch.full((5, 2), torch.nan))
    teacher, _ = build_teacher("GCN", 2, 2)
    for call in (
        lambda: load(data),
        lambda: distill_condense(data, CondenseConfig(method="herding", bits="full")),
        lambda: fit_teacher(teacher, data),
        lambda: distill_vqgraph(teacher, data),
        lambda: load_graphs(data),
        lambda: distill_mirage(data),
    ):
        with pytest.raises(ValueError, match=r"^x holds nan in row 0, column 0; replace it, or leave that row out$"):
            call()


def test_graphs_with_labelled_nodes_are_no_labelled_graphs():
    with pytest.raises(ValueError, match=r"^name, a Data, is a set of labelled nodes of one graph, but"):
        load_graphs(graph())
    with pytest.raises(ValueError, match=r"^name, a NodeDataset, is a set of labelled nodes of one graph"):
        distill_mirage(load(graph()))
