from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.data.datasets import GraphDataset
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
            r"y is float of one dimension; give long class numbers, or \[G, T\] tasks",
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
