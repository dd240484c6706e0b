from __future__ import annotations

import pytest
import torch

from graphdistill.condense.data.images import RealImages
from tests.condense.samples import bars, real, seeded


def test_it_is_the_training_split() -> None:
    data, images = bars(), real()
    assert torch.equal(images.x, data.images[data.train])
    assert images.shape == (1, 8, 8)
    assert images.counts.tolist() == [12, 12, 12]


def test_what_becomes_of_rows() -> None:
    images, rows = real(), torch.tensor([3, 0])
    assert torch.equal(images.inputs(rows), images.x[rows])
    assert torch.equal(images.flat()[rows], images.x[rows].view(2, 64))
    small, soft = images.start(rows), images.start(rows, torch.eye(3)[:2])
    assert torch.equal(small.x, images.x[rows])
    assert torch.equal(small.labels, images.y[rows])
    assert torch.equal(soft.labels, torch.eye(3)[:2].softmax(dim=1))
    small.x.detach().add_(1)
    assert float(images.x.max()) <= 1  # a copy
    begun = images.begin(2, seeded())
    assert torch.equal(begun.x, images.x[images.pick(2, seeded())])
    kept = images.select(rows)
    assert torch.equal(kept.data, images.x[rows])  # type: ignore[arg-type]
    assert kept.nbytes == 2 * 65


def test_networks_are_fresh_and_of_the_norm_that_is_asked_for() -> None:
    images = real()
    torch.manual_seed(0)
    one, other = images.network(), images.network("batch")
    assert one(images.x).shape == other(images.x).shape == (36, 3)
    assert not torch.equal(one.head.weight, other.head.weight)
    assert [any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules()) for net in (one, other)] == [False, True]


def test_a_draw_is_class_by_class_without_doubles() -> None:
    images = real()
    rows = images.pick(5, seeded())
    assert images.y[rows].tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert len(set(rows.tolist())) == 15
    x, y = images.draw(5, seeded(), label=1)
    assert y.tolist() == [1] * 5
    assert x.shape == (5, 1, 8, 8)
    assert sorted(images.pick(99, seeded()).tolist()) == list(range(36))


def test_a_class_without_images_is_named() -> None:
    with pytest.raises(ValueError, match="class 1 of 0 to 2 has none of the training images; number classes from 0"):
        RealImages(torch.rand(2, 1, 8, 8), torch.tensor([0, 2]), 3)


def test_more_than_a_class_has_is_refused() -> None:
    images = RealImages(torch.rand(5, 1, 8, 8), torch.tensor([0, 0, 0, 1, 1]), 2)
    images.check_per_class(2)
    with pytest.raises(ValueError, match="--per-class 3 is more than the 2 training images of class 1; give 2 or less"):
        images.check_per_class(3)
    with pytest.raises(ValueError, match="--per-class must be 1 or more, got 0"):
        images.check_per_class(0)
