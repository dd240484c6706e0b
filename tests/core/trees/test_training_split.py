import pickle

import pytest
import torch
from torch_geometric.data import Data

from graphdistill.core.data.tensors import quantile_strata
from graphdistill.core.training.metrics import score
from graphdistill.core.trees import training_split
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.core.trees.tree_counts import TreeCountRegression
from graphdistill.datasets import load
from tests.chains import chains


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


@pytest.fixture
def targets():
    """Chains of which the target is the number of atoms of the second kind, some unknown."""
    graphs = chains(120, lambda ones: 0.5 * ones - 2)
    return TrainingSplit(load(graphs, task="regression"), 2)


def test_of_targets_the_teacher_predicts_them_and_draws_alternate_between_quantiles(targets):
    data = targets.data
    model = TreeCountRegression().fit(targets.forest, targets.y, "rmse", (targets.held_out, data.y[data.valid]))
    assert torch.equal(targets.teacher, model.logits(targets.forest))
    assert score(targets.teacher, targets.y, "rmse") < 0.2
    unknown = torch.isnan(targets.y)
    assert torch.equal(targets.soft[unknown], targets.teacher[unknown])
    torch.testing.assert_close(targets.soft[~unknown], (targets.teacher + targets.y)[~unknown] / 2)
    strata = quantile_strata(targets.y)
    assert torch.equal(targets.strata, strata)
    order = targets.random_order(torch.Generator().manual_seed(0))
    assert sorted(strata[order[:8]].tolist()) == list(range(8))


@pytest.mark.parametrize("soft", [False, True])
def test_targets_of_a_budgeted_set_are_rounded_to_its_bits(targets, soft):
    order = targets.random_order(torch.Generator().manual_seed(0))
    small = targets.within(order, 120, soft=soft, bits=3)
    assert small.task == "regression"
    assert 8 < len(small) < 96
    assert small.nbytes <= 120
    assert all(len(column[~torch.isnan(column)].unique()) <= 8 for column in small.y.T)
    torch.testing.assert_close(small.weight, torch.full((len(small),), 1 / len(small)))
    least = targets.within(order, 1, soft=soft, bits=3)
    assert len(least) == 8


def test_all_the_data_have_exact_targets(targets):
    assert sorted(targets.whole.y.nan_to_num(9).tolist()) == sorted(targets.y.nan_to_num(9).tolist())
