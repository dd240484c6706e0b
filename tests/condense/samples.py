"""A data set of three easy classes that every test of the room learns in no time."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import torch

from graphdistill.condense.data.images import TrainingImages
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.data.training_data import Kind, TrainingData
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.core.data.datasets import ImageDataset, NodeDataset, TableDataset
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.probe import ProbeProtocol
from graphdistill.core.evaluation.protocol import SetProtocol
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.augment import Augment
from graphdistill.core.training.fit import FitConfig


@cache
def bars(per_class: int = 24, classes: int = 3) -> ImageDataset:
    """Images of 8 x 8 noisy pixels with a bar at a height that depends on the class; half are for training."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(classes).repeat(per_class)
    images = 0.4 * torch.rand(len(y), 1, 8, 8, generator=draw)
    for image, label in zip(images, y.tolist(), strict=True):
        image[0, 2 * label + 1] += 0.5
    order = torch.arange(len(y)).view(per_class, classes)
    half, rest = per_class // 2, per_class // 4
    return ImageDataset(
        name="bars",
        images=(images * 255).round() / 255,
        y=y,
        train=order[:half].flatten(),
        valid=order[half : half + rest].flatten(),
        test=order[half + rest :].flatten(),
        notes="bars",
    )


def real(per_class: int = 24, classes: int = 3) -> TrainingImages:
    return TrainingImages.of(ImageProtocol(bars(per_class, classes)))


@cache
def pairs(per_class: int = 16, classes: int = 3) -> NodeDataset:
    """Nodes with words of their class among others, joined in a ring within each class; half are for training."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(classes).repeat(per_class)
    x = (torch.rand(len(y), 12, generator=draw) < 0.2).float()
    for node, label in zip(x, y.tolist(), strict=True):
        node[4 * label + torch.randint(4, (2,), generator=draw)] = 1
    nodes = torch.arange(len(y))
    ring = torch.stack([nodes, (nodes + classes) % len(y)])
    order = nodes.view(per_class, classes)
    half, rest = per_class // 2, per_class // 4
    return NodeDataset(
        name="pairs",
        x=x,
        edge_index=torch.cat([ring, ring.flip(0)], dim=1),
        y=y,
        train=order[:half].flatten(),
        valid=order[half : half + rest].flatten(),
        test=order[half + rest :].flatten(),
        notes="pairs",
    )


@cache
def people(per_class: int = 24, classes: int = 3) -> TableDataset:
    """Rows of six numbers around the mean of their class, of two groups; half are for training."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(classes).repeat(per_class)
    order = torch.arange(len(y)).view(per_class, classes)
    half, rest = per_class // 2, per_class // 4
    return TableDataset(
        name="people",
        x=3 * torch.randn(classes, 6, generator=draw)[y] + torch.randn(len(y), 6, generator=draw),
        y=y,
        train=order[:half].flatten(),
        valid=order[half : half + rest].flatten(),
        test=order[half + rest :].flatten(),
        columns=tuple("abcdef"),
        group=torch.arange(len(y)) // classes % 2,
        notes="people",
    )


def data(kind: Kind) -> ImageDataset | NodeDataset | TableDataset:
    return {"nodes": pairs, "rows": people}.get(kind, bars)()


@cache
def probe() -> ProbeProtocol:
    """A protocol of images without labels, whose encoder is trained once."""
    return ProbeProtocol(bars(), augment=Augment().each, width=6, encoder_steps=10, labelled=3)


def protocol_for(kind: Kind) -> SetProtocol[Any]:
    return probe() if kind == "unlabelled images" else protocol_of(data(kind))


def real_data(kind: Kind) -> TrainingData:
    return training_data_of(protocol_for(kind))


def context_of(per_class: int = 2, seed: int = 0, kind: Kind = "images") -> MethodContext:
    protocol = protocol_for(kind)
    return MethodContext(training_data_of(protocol), per_class, protocol, seed)


def chosen(synthetic: SyntheticSet, whole: TrainingData) -> list[int]:
    """Numbers of the real entries that a set of them holds, each of which is found once."""
    assert isinstance(synthetic.data, torch.Tensor)
    return [int((whole.flat() == row).all(dim=1).nonzero()) for row in synthetic.data.flatten(1)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shortened(protocol: type, fit: FitConfig) -> type:
    """The protocol with short trainings."""
    fields = [("fit", FitConfig, dataclasses.field(default_factory=lambda: fit))]
    return dataclasses.make_dataclass("Shortened", fields, bases=(protocol,), frozen=True)
