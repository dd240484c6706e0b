import pytest
import torch

from graphdistill.kd.data.kinds import few_labels, view_of
from tests.kd.samples import images, nodes, texts


def test_every_kind_has_its_view():
    assert [view_of(data).KIND for data in (nodes(), images(), texts())] == ["nodes", "images", "text"]
    with pytest.raises(ValueError, match="is empty"):
        view_of([])


def test_few_labels_are_drawn_from_each_class_by_the_seed():
    first, again, other = (few_labels(images(), 4, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert images().y[first].bincount().tolist() == [4, 4, 4]
    assert bool(torch.isin(first, images().train).all())
    assert len(few_labels(images(), 100, 0)) == 60
