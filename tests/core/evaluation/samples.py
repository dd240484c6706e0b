"""Small protocols of images and nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from graphdistill.core.command.report import Row
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.evaluation.protocol import SetProtocol, TrainingInput
from graphdistill.core.evaluation.rows import train_rows
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import FitConfig
from tests.kd.nodes.samples import small as graph

DRAW = torch.Generator().manual_seed(0)
Y = torch.cat([torch.zeros(30), torch.ones(50)]).long()[torch.randperm(80, generator=DRAW)]
X = 0.5 * torch.rand(80, 1, 8, 8, generator=DRAW)
X[Y == 1, :, 2] += 0.4
IMAGES = ImageDataset("bars", X, Y, torch.arange(40), torch.arange(40, 60), torch.arange(60, 80))
FIT = FitConfig(steps=20, eval_every=10)
PROTOCOLS: dict[str, SetProtocol[Any]] = {
    "images": ImageProtocol(IMAGES, trainings=2, fit=FIT),
    "nodes": NodeProtocol(graph(120, classes=2), trainings=2, fit=replace(FIT, lr=0.02)),
}


def small(protocol: SetProtocol[Any], count: int = 10) -> SyntheticSet:
    """So many random training entries, classes alternating."""
    return protocol.chosen(protocol.random_order(0)[:count])


def row_of(protocol: SetProtocol[Any], *sets: SyntheticSet | TrainingInput) -> Row:
    """The row of some sets and one network."""
    (row,) = train_rows(protocol, "row", sets)
    return row
