"""One set of rules for data of every source, and the words that refuse."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphdistill.core.data.checks import check_numbers, check_splits, class_labels, one_hot
from graphdistill.core.data.datasets import GraphDataset, ImageDataset, NodeDataset
from graphdistill.core.data.graphs import Graphs

NAN, INF = float("nan"), float("inf")
PAIR = torch.tensor([[0, 1], [1, 0]])
PARTS = {"train": torch.tensor([0, 1]), "valid": torch.tensor([2, 3]), "test": torch.tensor([4, 5])}


def nodes(**changes) -> NodeDataset:
    parts = {"x": torch.rand(6, 3), "edge_index": PAIR, "y": torch.arange(6) % 2, **PARTS}
    return NodeDataset(name="nodes", **{**parts, **changes})


def images(**changes) -> ImageDataset:
    return ImageDataset(
        name="images", **{"images": torch.rand(6, 1, 4, 4), "y": torch.arange(6) % 2, **PARTS, **changes}
    )


def graphs(x: torch.Tensor, attr: torch.Tensor | None = None, **changes) -> GraphDataset:
    many = Graphs.from_data_list([Data(x=part, edge_index=PAIR, edge_attr=attr) for part in x.split(2)])
    parts = {"y": torch.arange(6) % 2, **PARTS, "metric": "rocauc", "features": "continuous"}
    return GraphDataset(name="graphs", graphs=many, **{**parts, **changes})


@pytest.mark.parametrize(("value", "word"), [(NAN, "nan"), (INF, "inf"), (-INF, "-inf"), (1e30, r"1e\+30")])
@pytest.mark.parametrize("kind", ["nodes", "images"])
def test_a_number_that_cannot_be_used_is_named(kind: str, value: float, word: str) -> None:
    x = torch.zeros(6, 3) if kind == "nodes" else torch.zeros(6, 1, 4, 4)
    x.view(6, -1)[4, 2] = value
    with pytest.raises(ValueError, match=rf"^(x|images) holds {word} in row 4"):
        nodes(x=x) if kind == "nodes" else images(images=x)


def test_a_graph_is_named_by_row_column_and_number() -> None:
    big = torch.zeros(12, 2)
    big[7, 1] = 1e20
    with pytest.raises(ValueError, match=r"^x holds 1e\+20 in row 7, column 1 \(graph 3\); scale that column$"):
        graphs(big)


def test_categories_have_an_end() -> None:
    x = torch.zeros(12, 1, dtype=torch.long)
    x[5] = 10**9
    with pytest.raises(ValueError, match=r"^x holds 1000000000 in row 5, column 0; integers are categories from 0 to"):
        graphs(x, features="categorical")
    with pytest.raises(
        ValueError, match=r"^edge_attr holds -1 in row 0, column 0; .*, or give floats if they are quant"
    ):
        graphs(torch.zeros(12, 1), torch.tensor([[-1], [0]]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": torch.rand(6)}, r"^y must be long \[6\], got torch\.float32 \[6\]$"),
        ({"x": torch.rand(6)}, r"^x must be float \[N, F\], a row for each node, got torch\.float32 \[6\]$"),
        ({"x": torch.zeros(6, 1).long()}, r"^x must be float \[N, F\]"),
        (
            {"edge_index": torch.tensor([[0], [6]])},
            "^edge_index must hold the numbers of nodes, from 0 to 5, .* got 6$",
        ),
        ({"train": torch.ones(6).bool()}, r"^train must hold the numbers of nodes, .* got torch\.bool \[6\]$"),
        ({"test": torch.tensor([-1])}, "^test must hold the numbers of nodes, from 0 to 5, .* got -1$"),
    ],
)
def test_sets_of_nodes_that_cannot_be(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nodes(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": torch.rand(6, 4, 4)}, r"^images must be float \[n, channels, height, width\], got .* \[6, 4, 4\]$"),
        ({"y": torch.arange(5)}, r"^y must be long \[6\], got torch\.int64 \[5\]$"),
    ],
)
def test_sets_of_images_that_cannot_be(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        images(**changes)


@pytest.mark.parametrize("make", [nodes, images, lambda y: graphs(torch.zeros(12, 1), y=y)])
def test_ids_for_labels_cost_nothing(make) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"^y holds class 1000000000 but only 6 labels; torch\.unique\(y, return_inv"):
        make(y=torch.tensor([0, 10**9, 0, 1, 0, 1]))
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("y", "want"),
    [
        (torch.tensor([0, 1, -1]), [0, 1, -1]),
        (torch.tensor([0.0, 1.0, NAN]), [0, 1, -1]),
        (torch.tensor([True, False]), [1, 0]),
        (torch.tensor([[2], [0]]), [2, 0]),
        (torch.eye(3).flip(0), [2, 1, 0]),
        (torch.tensor([[0, 1], [0, 0], [1, 0]]), [1, -1, 0]),
        (torch.tensor([[0, 1.0], [NAN, NAN]]), [1, -1]),
        (np.array([1, 0], dtype=np.uint8), [1, 0]),
        ([0, 2], [0, 2]),
        (torch.tensor([1.0, 0.0]).half(), [1, 0]),
    ],
)
def test_labels_that_are_classes(y, want: list[int]) -> None:
    out = class_labels(y, "y")
    assert (out.dtype, out.tolist()) == (torch.long, want)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.tensor([0.0, 0.25]), r"^y holds 0\.25 at 1; classes are whole numbers from 0: bin targets, for example"),
        (torch.tensor([0.0, INF]), "^y holds inf at 1; "),
        (torch.tensor([0.0, 1e30]), r"^y holds 1e\+30 at 1; "),
        (torch.tensor([0, -100]), "^y holds -100 at 1; classes are whole numbers from 0: -1 or NaN for no label$"),
        (np.array(["cat", "dog"]), "^y holds text such as cat; number them, for example by"),
        (["cat", "dog"], r"^y holds text such as cat; number them, for example by numpy\.unique"),
        (torch.tensor([1j]), "^y is complex; give real numbers$"),
        (torch.tensor([[0.5, 0.5]]), r"^y must hold one class for each entry, got \[1, 2\]; .* soft .* by y\.argmax"),
        (torch.tensor([[1, 1]]), r"^y must hold one class for each entry, got \[1, 2\]"),
        (torch.zeros(3, 2), r"^y must hold one class for each entry, got \[3, 2\]"),
        (torch.zeros(2, 2, 2), r"^y must hold one class for each entry, got \[2, 2, 2\]$"),
    ],
)
def test_labels_that_are_none(y, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        class_labels(y, "y")


def test_rows_with_missing_tasks_are_not_one_hot() -> None:
    assert not one_hot(torch.tensor([[1.0, NAN], [0.0, 1.0]]))
    assert not one_hot(torch.tensor([[1.0], [1.0]]))


@pytest.mark.parametrize(
    ("y", "changes", "message"),
    [
        ([0, 1, 0, 1, 0, 1], {"valid": []}, "^valid has no nodes; give more of them, or define the split yourself$"),
        (
            [0, 1, 0, 1, 0, 1],
            {"test": [0, 1]},
            "^train and test share 2 of the nodes, the first is 0; give each to one",
        ),
        ([0, 1, 0, 1, 0, 1], {"train": [0, 1, 1]}, "^train holds some of the nodes twice; give each once$"),
        ([0, 1, 0, 1, -1, -1], {}, "^y has no label at 2 of the nodes of test, the first is 4; take them out of test$"),
        ([2, 2, 2, 2, 2, 2], {}, "^y holds a single class, 2; give nodes of two or more classes$"),
        ([0, 2, 0, 2, 0, 2], {}, "^y holds classes up to 2 but none of class 1; torch"),
        (
            [0, 1, 0, 2, 0, 2],
            {},
            r"^class 2 has none of the training nodes \(0 in train, 1 in valid, 1 in test\); give",
        ),
    ],
)
def test_splits_that_say_nothing(y: list[int], changes, message: str) -> None:
    splits = PARTS | {name: torch.tensor(index).long() for name, index in changes.items()}
    with pytest.raises(ValueError, match=message):
        check_splits(torch.tensor(y), splits, "nodes")


def test_a_published_split_without_a_class_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="class 2 has none of the training nodes"):
        check_splits(torch.tensor([0, 1, 0, 2, 0, 2]), PARTS, "nodes", absent="warn")


def test_splits_that_are_right_pass_in_silence() -> None:
    check_splits(torch.tensor([0, 1, 0, 1, 0, 1]), PARTS, "nodes")
    check_splits(torch.zeros(6, 2), PARTS, "graphs")
    check_splits(torch.tensor([0, 1, 0, 2, 0, 2]), PARTS, "nodes", absent="ignore")
    check_numbers("x", torch.tensor([[3]]))
    check_numbers("x", torch.empty(0, 2))
