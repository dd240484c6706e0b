from __future__ import annotations

import pytest
import torch

from graphdistill.condense.data.images import TrainingImages
from tests.condense.samples import bars, real, seeded
from tests.core.sets.samples import as_bytes, coded_bytes


def test_it_is_the_training_split() -> None:
    data, images = bars(), real()
    assert torch.equal(images.x, data.images[data.train])
    assert images.shape == (1, 8, 8)
    assert images.counts.tolist() == [12, 12, 12]


def test_what_becomes_of_rows() -> None:
    images, index = real(), torch.tensor([3, 0])
    assert torch.equal(images.inputs(index), images.x[index])
    assert torch.equal(images.flat()[index], images.x[index].view(2, 64))
    synthetic, soft = images.init_from(index), images.init_from(index, torch.eye(3)[:2])
    assert torch.equal(synthetic.x, images.x[index])
    assert torch.equal(synthetic.labels, images.y[index])
    assert torch.equal(soft.labels, torch.eye(3)[:2].softmax(dim=1))
    synthetic.x.detach().add_(1)
    assert float(images.x.max()) <= 1  # a copy
    begun = images.init_random(2, seeded())
    assert torch.equal(begun.x, images.x[images.sample_indices(2, seeded())])
    kept = images.select(index)
    assert torch.equal(kept.data, images.x[index])  # type: ignore[arg-type]
    assert kept.nbytes == coded_bytes(as_bytes(images.x[index]), images.y[index].to(torch.uint8))


def test_networks_are_fresh_and_have_the_chosen_norm() -> None:
    images = real()
    torch.manual_seed(0)
    one, other = images.network(), images.network("batch")
    assert one(images.x).shape == other(images.x).shape == (36, 3)
    assert not torch.equal(one.head.weight, other.head.weight)
    assert [any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules()) for net in (one, other)] == [False, True]


def test_a_draw_is_class_by_class_without_doubles() -> None:
    images = real()
    index = images.sample_indices(5, seeded())
    assert images.y[index].tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert len(set(index.tolist())) == 15
    x, y = images.sample(5, seeded(), label=1)
    assert y.tolist() == [1] * 5
    assert x.shape == (5, 1, 8, 8)
    assert sorted(images.sample_indices(99, seeded()).tolist()) == list(range(36))


def test_a_class_without_images_is_named() -> None:
    with pytest.raises(ValueError, match="class 1 of 0 to 2 has none of the training images; number classes from 0"):
        TrainingImages(torch.rand(2, 1, 8, 8), torch.tensor([0, 2]), 3)


def test_more_than_a_class_has_is_refused() -> None:
    images = TrainingImages(torch.rand(5, 1, 8, 8), torch.tensor([0, 0, 0, 1, 1]), 2)
    images.check_per_class(2)
    with pytest.raises(ValueError, match="--per-class 3 is more than the 2 training images of class 1; give 2 or less"):
        images.check_per_class(3)
    with pytest.raises(ValueError, match="--per-class must be 1 or more, got 0"):
        images.check_per_class(0)
