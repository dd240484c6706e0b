"""What is of images alone; what all kinds share is in test_protocol.py and test_rows.py."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.protocol import real_set
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.sets.replays import Replays
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import FitConfig
from tests.core.sets.samples import as_bytes, coded_bytes

DRAW = torch.Generator().manual_seed(0)
Y = torch.cat([torch.zeros(30), torch.ones(50)]).long()[torch.randperm(80, generator=DRAW)]
X = 0.5 * torch.rand(80, 1, 8, 8, generator=DRAW)
DATA = ImageDataset("noise", X, Y, torch.arange(40), torch.arange(40, 60), torch.arange(60, 80))
PROTOCOL = ImageProtocol(DATA, trainings=2, fit=FitConfig(steps=20, eval_every=10))


def small(count: int) -> SyntheticSet:
    return real_set(X[:count], Y[:count])


def quantize_uint8(x: Tensor) -> Tensor:
    return (x * 255).round() / 255


def test_random_images_fill_the_bytes_and_are_class_balanced() -> None:
    budget = 12 * 65
    sets = PROTOCOL.random_sets(budget, 3)
    for draw, s in enumerate(sets):
        # Images are of pixels below a half at random, 7 bits each: one more does not fit, and these are the most.
        assert s.nbytes <= budget < PROTOCOL.chosen(PROTOCOL.random_order(draw)[: len(s) + 1]).nbytes
        assert len(s) == 12
        assert s.y.tolist() == [0] * 6 + [1] * 6
    assert not torch.equal(sets[0].y, sets[1].y) or not torch.equal(sets[0].data, sets[1].data)  # type: ignore[arg-type]
    train = quantize_uint8(X[DATA.train])
    for s in sets:
        assert isinstance(s.data, Tensor)
        found = [(train == image).flatten(1).all(dim=1).nonzero().item() for image in s.data]
        assert len(set(found)) == 12
        assert torch.equal(Y[DATA.train][found], s.y)


def test_a_budget_below_one_of_each_class_or_above_all() -> None:
    assert torch.bincount(PROTOCOL.random_sets(1, 1)[0].y).tolist() == [1, 1]
    assert len(PROTOCOL.random_sets(10**9, 1)[0]) == PROTOCOL.full().entries == 40


def test_all_the_data_are_in_eight_bits_too() -> None:
    full = PROTOCOL.full()
    assert torch.equal(full.inputs, quantize_uint8(X[DATA.train]))  # type: ignore[arg-type]
    assert torch.equal(full.y, Y[DATA.train])
    index = DATA.train[Y[DATA.train].argsort(stable=True)]
    assert full.nbytes == coded_bytes(as_bytes(X[index]), Y[index].to(torch.uint8)) < 40 * 65
    assert PROTOCOL.training_split().nbytes is None


def test_what_a_network_and_a_linear_model_read() -> None:
    assert torch.equal(PROTOCOL.inputs(small(3)), X[:3])
    assert torch.equal(PROTOCOL.flat(small(3)), X[:3].view(3, 64))
    assert torch.equal(PROTOCOL.flat("test"), X[60:].view(20, 64))
    assert PROTOCOL.extra_baselines([small(3)]) == {}


def test_the_network() -> None:
    assert isinstance(PROTOCOL.network("ConvNet", 0), ConvNet)
    assert (PROTOCOL.networks, PROTOCOL.UNIT) == (("ConvNet",), "images")
    assert PROTOCOL.linear == "logistic regression on pixels of the same set"


def test_views_with_labels_of_their_own_are_not_augmented_again() -> None:
    """And a set of the same entries that are augmented has another content."""
    changed: list[int] = []

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        changed.append(len(x))
        return x

    protocol = replace(PROTOCOL, augment=augment, fit=FitConfig(steps=2, eval_every=1))
    replayed = SyntheticSet.expanded(Replays.of(as_bytes(X[:4]), (0, 3, 100), torch.eye(2)[Y[:4].repeat_interleave(3)]))
    protocol.train(replayed, 0)
    assert changed == []
    plain = replace(replayed, expansion=None)
    assert protocol.content(plain) != protocol.content(replayed)
    protocol.train(plain, 0)
    assert changed == [12, 12]
