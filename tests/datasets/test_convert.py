from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch
from torch_geometric.data import Data

from graphdistill.datasets._convert import edges, features, graph_labels, mask_index, node_labels

X = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
PAIR = torch.tensor([[0, 1], [1, 0]])


@pytest.mark.parametrize("values", [X, X.numpy(), X.half(), X.to_sparse(), scipy.sparse.csr_array(X.numpy())], ids=type)
def test_features_of_any_form_are_one_dense_matrix(values: object) -> None:
    found = features(values, "x")
    assert found is not None
    assert torch.equal(found, X)
    assert features(None, "x") is None


def test_a_column_is_a_matrix_and_more_dimensions_are_refused() -> None:
    assert features(np.array([3, 4], dtype=np.int16), "x").tolist() == [[3], [4]]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"x is \[2, 2, 1\]; give one row of features each"):
        features(X[..., None], "x")


def test_edges_are_read_from_either_form() -> None:
    index, weight = edges(Data(edge_index=PAIR.int().numpy(), num_nodes=2), "data")
    assert torch.equal(index, PAIR)
    assert weight is None
    adjacency = torch.sparse_coo_tensor(torch.tensor([[1], [0]]), torch.tensor([2.0]), (2, 2), check_invariants=True)
    index, weight = edges(Data(adj_t=adjacency, num_nodes=2), "data")
    assert index.tolist() == [[0], [1]]  # rows of adj_t are the targets
    assert weight is not None
    assert weight.tolist() == [2.0]
    with pytest.raises(ValueError, match=r"data\.edge_index is \[3, 2\]; it must be \[2, E\]: give edge_index\.t\(\)"):
        edges(Data(edge_index=torch.zeros(3, 2).long(), num_nodes=2), "data")


def test_labels_of_graphs() -> None:
    items = [Data(y=torch.tensor([y]), num_nodes=3) for y in (0, 2)]
    y, task, one_hot = graph_labels(items, [3, 3])
    assert (y.tolist(), task, one_hot) == ([0, 2], "classification", False)
    y, task, one_hot = graph_labels(items, [3, 3], "regression")
    assert (y.tolist(), task, one_hot) == ([[0.0], [2.0]], "regression", False)
    items = [Data(y=torch.eye(3)[[y]], num_nodes=3) for y in (0, 2, 1)]
    y, task, one_hot = graph_labels(items, [3, 3, 3])
    assert (y.tolist(), task, one_hot) == ([0, 2, 1], "classification", True)
    y, task, _ = graph_labels([Data(y=torch.tensor([[v, torch.nan]]), num_nodes=3) for v in (0.5, -1.25)], [3, 3])
    assert (y.nan_to_num(7).tolist(), task) == ([[0.5, 7], [-1.25, 7]], "regression")
    with pytest.raises(ValueError, match=r"name\[0\]\.y is 0\.5; classes are whole numbers from 0"):
        graph_labels([Data(y=torch.tensor([0.5]), num_nodes=3)], [3], "classification")
    with pytest.raises(ValueError, match=r"name\[1\]\.y is inf; targets are finite numbers, of several NaN for"):
        graph_labels([Data(y=torch.tensor([y]), num_nodes=3) for y in (0.5, torch.inf)], [3, 3])
    three = Data(y=torch.rand(3), edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=4)
    with pytest.raises(ValueError, match="y holds 3 labels for 3 edges: these are labels of edges, not of graphs"):
        graph_labels([three, three], [4, 4])
    with pytest.raises(ValueError, match="these are labels of nodes, not of graphs; the right call is"):
        graph_labels([Data(y=torch.rand(4), num_nodes=4)] * 2, [4, 4], "regression")


def test_labels_of_nodes() -> None:
    assert node_labels(torch.tensor([0.0, torch.nan, 1.0]), 3, "data").tolist() == [0, -1, 1]
    with pytest.raises(ValueError, match=r"data\.y must hold one class for each of 4 nodes, got \[3\]"):
        node_labels(torch.tensor([0, 1, 1]), 4, "data")


@pytest.mark.parametrize(
    ("value", "column"),
    [
        (torch.tensor([True, False, True]), None),
        ([1, 0, 1], None),
        (torch.tensor([0, 2]), None),
        (torch.tensor([[0, 1], [1, 0], [0, 1]]).bool(), 1),
    ],
)
def test_masks_columns_and_numbers_are_one_index(value: object, column: int | None) -> None:
    assert mask_index(value, 3, column, "train_mask").tolist() == [0, 2]


@pytest.mark.parametrize("value", [[0, 0], [0, 3], [-1], [0.5, 1.0, 0.0]])
def test_what_is_no_mask_is_refused(value: list[float]) -> None:
    with pytest.raises(
        ValueError, match=r"train_mask must be a mask, bool \[3\], or hold distinct numbers from 0 to 2"
    ):
        mask_index(value, 3, None, "train_mask")
