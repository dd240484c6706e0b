import pickle

import pytest
import torch
from torch_geometric.data import Data

from graphdistill.core.trees import training_split
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.core.trees.tree_counts import TreeCountRegression
from graphdistill.datasets import load


@pytest.fixture
def split():
    pair = torch.tensor([[0, 1], [1, 0]])
    graphs = [Data(x=torch.tensor([[6], [a]]), edge_index=pair, y=torch.tensor([a % 2])) for a in (7, 8, 9) * 20]
    return TrainingSplit(load(graphs), 2)


def test_the_parts_are_what_they_are_alone(split):
    graphs, y = split.data.split("train")
    forest = build_forest(graphs, 2)
    assert split.counted.nbytes == forest.nbytes
    assert torch.equal(split.forest.tree, forest.by_frequency().tree)
    model = TreeCountRegression().fit(split.forest, y, split.data.metric)
    assert torch.equal(split.teacher, model.logits(split.forest))
    torch.testing.assert_close(split.soft.sum(dim=1), torch.ones(len(graphs)))
    assert len(split.whole) == len(graphs)


def test_each_part_is_computed_once_and_its_time_is_kept(split, monkeypatch):
    calls = []
    monkeypatch.setattr(
        training_split, "build_forest", lambda *args, **options: calls.append(1) or build_forest(*args, **options)
    )
    assert split.seconds == {}
    assert split.teacher is split.teacher
    assert split.forest is split.forest
    assert calls == [1]
    assert set(split.seconds) == {"counted", "forest", "teacher"}
    assert min(split.seconds.values()) > 0


def test_what_is_computed_travels_to_other_processes(split, monkeypatch):
    teacher = split.teacher
    there = pickle.loads(pickle.dumps(split))
    monkeypatch.setattr(training_split, "build_forest", None)
    assert torch.equal(there.teacher, teacher)
    assert there.sha256 == split.sha256
