from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.data.datasets import GraphDataset, TableDataset, TextDataset
from graphdistill.core.data.graphs import Graphs

PAIR = torch.tensor([[0, 1], [1, 0]])
NO_EDGES = torch.empty(2, 0, dtype=torch.long)


def pair(**more: Tensor) -> Data:
    return Data(**{"x": torch.tensor([[6], [8]]), "edge_index": PAIR, **more})


def dataset(y: Tensor, graphs: int = 3) -> GraphDataset:
    train, valid, test = torch.arange(3)[:, None]
    collated = Graphs.from_data_list([pair()] * graphs)
    return GraphDataset("d", collated, y, train, valid, test, metric="accuracy", features="categorical")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.tensor([0, 1]), "y has 2 labels but there are 3 graphs"),
        (
            torch.tensor([0.0, 1.0, 0.0]),
            r"y is float of one dimension; give long class numbers, or \[G, T\] tasks or targets",
        ),
        (torch.tensor([0, -1, 2]), "y holds -1; classes are numbered from 0"),
        (
            torch.tensor([[0.0], [0.5], [1.0]]),
            r"y with many tasks may hold 0, 1 and NaN \(missing\) only",
        ),
    ],
    ids=["length", "float", "negative", "half"],
)
def test_labels_that_cannot_be_used(y: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        dataset(y)


def test_one_task_or_many() -> None:
    one, many = dataset(torch.tensor([0, 3, 1])), dataset(torch.tensor([[0.0, 1.0], [torch.nan, 1.0], [1.0, 0.0]]))
    assert (one.task, one.num_outputs) == ("multiclass", 4)
    assert (many.task, many.num_outputs) == ("multilabel", 2)


def test_splits() -> None:
    data = dataset(torch.tensor([0, 3, 1]))
    graphs, y = data.split("valid")
    assert (len(graphs), y.tolist()) == (1, [3])
    other = data.with_splits(torch.tensor([2, 0]), data.valid, data.test)
    assert other.split("train")[1].tolist() == [1, 0]
    assert (other.name, data.train.tolist()) == ("d", [0])


def test_there_is_a_smiles_for_each_graph() -> None:
    data = dataset(torch.tensor([0, 3, 1]))
    assert data.smiles is None
    assert replace(data, smiles=("CO",) * 3).with_splits(*data.splits.values()).smiles == ("CO",) * 3
    with pytest.raises(ValueError, match=r"^smiles has 2 molecules but there are 3 graphs$"):
        replace(data, smiles=("CO",) * 2)


def targets(y: Tensor) -> GraphDataset:
    train, valid, test = torch.arange(3)[:, None]
    return GraphDataset("d", Graphs.from_data_list([pair()] * 3), y, train, valid, test, "rmse", "categorical")


def test_a_metric_of_errors_makes_labels_targets() -> None:
    data = targets(torch.tensor([[0.5, 1.0], [-3.0, 2.0], [torch.pi, torch.nan]])[:, :1])
    assert (data.task, data.num_outputs, data.split("test")[1].tolist()) == ("regression", 1, [[float(data.y[2, 0])]])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.tensor([1, 2, 3]), r"y is torch.int64 \[3\]; targets of regression are float \[n, T\]"),
        (torch.tensor([1.0, 2.0, 3.0]), r"y is torch.float32 \[3\]; targets of regression are float"),
        (torch.tensor([[1.0], [torch.inf], [3.0]]), "y holds inf in row 1, column 0; replace it"),
        (torch.tensor([[1.0], [1e20], [3.0]]), "y holds 1e[+]20 in row 1, column 0; scale that column"),
        (
            torch.tensor([[1.0, 1.0], [1.0, torch.nan], [3.0, 2.0]]),
            "valid has no value of target 1; give its entries some, or leave that target out",
        ),
    ],
    ids=["classes", "flat", "infinite", "huge", "gap"],
)
def test_targets_that_cannot_be_used(y: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        targets(y)


def texts(tokens: list[list[int]], y: list[int] | list[list[int]], vocabulary: int = 5) -> TextDataset:
    train, valid, test = torch.arange(3)[:, None]
    words = tuple(map(str, range(vocabulary)))
    return TextDataset("d", torch.tensor(tokens), torch.tensor(y), train, valid, test, words)


def test_texts_have_classes_or_next_tokens() -> None:
    tokens = [[2, 3], [4, 1], [2, 2]]
    classes, following = texts(tokens, [0, 2, 1]), texts(tokens, [[3, 4], [1, 1], [2, 4]])
    assert (classes.language_model, classes.num_outputs) == (False, 3)
    assert (following.language_model, following.num_outputs) == (True, 5)
    assert texts(tokens, [0, 2, 1], 6).digest != classes.digest


@pytest.mark.parametrize(
    ("tokens", "y", "message"),
    [
        ([[]], [0], r"tokens must be long \[n, L\], a row of ids for each text, got torch.float32 \[1, 0\]"),
        ([[0.5, 1.0]] * 3, [0, 1, 0], r"tokens must be long \[n, L\], .* got torch.float32 \[3, 2\]"),
        (
            [[2, 0]] * 3,
            [0, 1],
            r"y must be long \[3\], a class for each text, or long \[3, 2\], .* got torch.int64 \[2\]",
        ),
        ([[2, 0]] * 3, [0.0, 1.0, 0.0], r"y must be long \[3\], .* got torch.float32 \[3\]"),
        ([[2, 5]] * 3, [0, 1, 0], "tokens must hold ids from 0 to 4, the last of the vocabulary, got 5"),
        ([[2, -1]] * 3, [0, 1, 0], "tokens must hold ids from 0 to 4, the last of the vocabulary, got -1"),
        ([[2, 0], [0, 0], [1, 1]], [0, 1, 0], "text 1 has no tokens; leave it out"),
        ([[2, 0], [1, 1], [0, 1]], [0, 1, 0], r"text 2 has padding \(0\) before a token; padding is at the end"),
        ([[2, 3]] * 3, [0, 1, 10**9], "y holds class 1000000000 but only 3 labels"),
        ([[2, 3]] * 3, [[3, 0]] * 3, "y must hold ids from 1 to 4, the last of the vocabulary, got 0"),
        ([[2, 3], [2, 0], [2, 3]], [[3, 1]] * 3, r"window 1 has padding \(0\); windows of a language model are all of"),
    ],
)
def test_texts_that_cannot_be_used(tokens: list[list[int]], y: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        texts(tokens, y)


def table(**changes):
    fields = dict(name="own", x=torch.rand(3, 2), y=torch.tensor([1, 0, 1]), columns=("a", "b"))
    index = {"train": torch.tensor([0]), "valid": torch.tensor([1]), "test": torch.tensor([2])}
    return TableDataset(**{**fields, **index, **changes})


def test_lines_of_a_table_are_no_part_of_its_digest():
    x = torch.zeros(3, 2)
    assert table(x=x).digest == table(x=x, lines=("1", "2", "3")).digest != table(x=x, group=torch.arange(3)).digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": torch.arange(3)}, r"x must be float \[n, F\], features of each row, got torch\.int64 \[3\]"),
        ({"columns": ("a",)}, "columns has 1 names, but x has 2 features"),
        ({"lines": ("1",)}, "lines has 1 lines, but x has 3 rows"),
        ({"x": torch.full((3, 2), torch.nan)}, "x holds nan in row 0, column 0"),
        ({"y": torch.tensor([0, 1])}, r"y must be long \[3\], got torch\.int64 \[2\]"),
        ({"y": torch.tensor([0, 1, 2]), "classes": ("a", "b")}, "y must hold numbers from 0 to 1, the last that has a"),
        ({"y": torch.tensor([0, -1, 1])}, "y must hold numbers from 0, got -1"),
        ({"y": torch.rand(3)}, r"y of regression must be float \[3, 1\], got \[3\]"),
        ({"group": torch.tensor([0, 1, 2]), "groups": ("f", "m")}, "group must hold numbers from 0 to 1"),
        ({"group": torch.rand(3)}, r"group must be long \[3\], got torch\.float32"),
        ({"train": torch.tensor([3])}, "train must hold the numbers of rows, from 0 to 2"),
    ],
)
def test_tables_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        table(**changes)
