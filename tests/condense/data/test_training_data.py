from __future__ import annotations

import pytest
import torch

from graphdistill.condense.data.training_data import TrainingData
from tests.condense.graph_samples import real as real_graphs
from tests.condense.samples import real, real_data, seeded
from tests.second_device import second_device


def test_learning_begins_with_random_entries_of_each_class() -> None:
    data = real()
    begun, picked = data.init_random(2, seeded(3)), data.init_from(data.sample_indices(2, seeded(3)))
    assert torch.equal(begun.x, picked.x)
    assert torch.bincount(begun.y).tolist() == [2] * data.num_classes


@pytest.mark.parametrize("data", [real(), real_graphs()], ids=["images", "graphs"])
def test_samples_are_of_the_given_class_and_never_twice(data: TrainingData) -> None:
    index = data.sample_indices(100, seeded(), 1)
    assert sorted(index.tolist()) == data.members[1].tolist()
    x, y = data.sample(3, seeded(), 1)
    assert y.tolist() == [1, 1, 1]
    assert len(x) == 3
    assert data.sample(3, seeded())[1].tolist() == [label for label in range(data.num_classes) for _ in range(3)]


def test_more_of_a_class_than_there_are_is_refused() -> None:
    data = real_graphs()
    with pytest.raises(ValueError, match="--per-class 9 is more than the 8 training graphs of class 0; give 8 or less"):
        data.check_per_class(9)
    with pytest.raises(ValueError, match="--per-class must be 1 or more, got 0"):
        data.check_per_class(0)


@pytest.mark.parametrize("data", [real(), real_graphs(), real_data("nodes")], ids=["images", "graphs", "nodes"])
def test_on_another_device_all_but_the_indices_are_there(data: TrainingData) -> None:
    assert data.to("cpu") is data
    with second_device() as device:
        there = data.to(device)
        assert there.device == there.y.device == device
        assert data.device.type == "cpu"
        assert there.network().head.weight.device == there.flat().device == device
        assert all(members.device.type == "cpu" for members in there.members)
        assert there.counts.device.type == "cpu"
        index = there.sample_indices(2, seeded())
        assert index.tolist() == data.sample_indices(2, seeded()).tolist()
        assert torch.equal(there.flat().cpu(), data.flat())
        begun = there.init_random(2, seeded())
        assert begun.x.device == begun.y.device == device
        assert torch.equal(begun.x.cpu(), data.init_random(2, seeded()).x)
        assert all(map(torch.equal, there.select(index).payload().values(), data.select(index).payload().values()))
