"""MGD with a sixteenth of the labels, against its supervised part: scenes of digits by pixel, and nodes of a graph.

A scene has two images of digits at random places on a noisy canvas of 16 x 16 pixels; the class of a pixel is 0, or 1
plus the digit whose ink it shows. The student is a narrow convolutional network; the deep and the wide teacher are
trained on the same few labels first.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric import nn as pyg

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.data.datasets import ImageDataset, NodeDataset
from graphdistill.core.randomness import class_balanced_order, generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.data.pixels import mean_iou, scenes
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.methods import mgd

SHARE = 16
"""One in so many scenes has labels."""
STEPS, BATCH, LR = 400, 24, 0.01
"""Steps of every training on scenes, scenes of a step, and learning rate."""
GRAPH = "digits-knn"
"""Data set of nodes."""
METHODS = {
    "supervised part": mgd.Config(weight=0, region_weight=0, image_weight=0),
    "mgd": mgd.Config(),
}
"""MGD without unlabelled data, and with them: the same labels, steps and teachers."""


class SegmentationNet(nn.Module):
    """A convolution of all pixels, convolutions at half the resolution, and a linear layer on each pixel.

    Args:
        width: channels.
        depth: number of convolutions at half the resolution.
        num_classes: number of classes.
    """

    def __init__(self, width: int, depth: int, num_classes: int):
        super().__init__()
        self.stem = _convolution(1, width)
        self.blocks = nn.ModuleList(_convolution(width, width) for _ in range(depth))
        self.head = nn.Linear(2 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[n, height, width, C]``."""
        fine = self.stem(images)
        x = F.avg_pool2d(fine, 2)
        for block in self.blocks:
            x = x + block(x)
        x = F.interpolate(x, images.shape[2:], mode="bilinear")
        logits: Tensor = self.head(torch.cat([fine, x], dim=1).movedim(1, -1))
        return logits


def _convolution(channels: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.GroupNorm(4, width), nn.ReLU())


def measure(bench: Bench) -> None:
    """Intersection over union on scenes, and accuracy on nodes."""
    show("scenes of digits, test, in %", run_seeds(bench, on_scenes, bench, "scenes"), "supervised part")
    show(f"{GRAPH}, test accuracy in %", run_seeds(bench, on_nodes, bench, GRAPH), "supervised part")


def on_scenes(bench: Bench, seed: int) -> Scores:
    """Scores of teachers on labels, and of the student with and without unlabelled scenes."""
    digits = load("digits", bench.root, seed=seed)
    assert isinstance(digits, ImageDataset)
    data: Any = scenes(digits, side=16, seed=seed)
    view = ImageView(data, labelled=data.train[: len(data.train) // SHARE])
    config = KDConfig(steps=bench.steps or STEPS, batch_size=BATCH, lr=LR)
    networks: dict[str, nn.Module] = {}
    for name, (width, depth) in {"deep": (16, 6), "wide": (32, 4)}.items():
        with scoped(seed, name):
            networks[name] = SegmentationNet(width, depth, view.num_classes)
        fit_labels(networks[name], ImageView(_labelled_part(data, view.labelled)), config, seed=seed)
    found = {name: _scores(view, network) for name, network in networks.items()}
    for name, method in METHODS.items():
        teachers = mgd.Branches(copy.deepcopy(networks["deep"]), copy.deepcopy(networks["wide"]))
        with scoped(seed, "student"):
            student = SegmentationNet(8, 4, view.num_classes)
        fit_kd(student, teachers, view, method, config, seed=seed)
        found[name] = _scores(view, student)
    return found


def _labelled_part(data: Any, labelled: Tensor) -> Any:
    """The data with the labelled scenes as its training split, so that every batch is labelled."""
    return type(data)(data.name, data.images, data.y, labelled, data.valid, data.test)


def _scores(view: ImageView, network: nn.Module) -> dict[str, float]:
    truth = view.labels(view.data.test)
    logits = view.logits(network, "test")
    return {"mean IoU": 100 * mean_iou(logits, truth), "pixels": 100 * view.score(network, "test")}


def on_nodes(bench: Bench, seed: int) -> Scores:
    """Scores of teachers on half of the labels, and of a dense student with and without unlabelled nodes."""
    data = load(GRAPH, bench.root, seed=seed)
    assert isinstance(data, NodeDataset)
    few = data.train[class_balanced_order(data.y[data.train], generator(seed, "labels"))]
    view, config = NodeView(data, labelled=few[: len(few) // 2]), KDConfig(steps=bench.steps)
    channels, classes = view.data.x.shape[1], view.num_classes
    with scoped(seed, "teachers"):
        teachers = mgd.Branches(pyg.GCN(channels, 64, 3, classes), pyg.GCN(channels, 128, 2, classes))
    fit_labels(teachers, view, config, seed=seed)
    found = {"teachers": {"accuracy": 100 * view.score(teachers, "test")}}
    for name, method in METHODS.items():
        with scoped(seed, "student"):
            student = NodeView.STUDENTS["MLP"](view)
        fit_kd(student, copy.deepcopy(teachers), view, method, config, seed=seed)
        found[name] = {"accuracy": 100 * view.score(student, "test")}
    return found
