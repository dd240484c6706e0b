"""One graph of the user's own, with labelled nodes and masks."""

import pytest
import torch
from torch_geometric.data import Data

from graphdistill.core.data import NodeDataset
from graphdistill.datasets import load


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
