"""Students on unlabelled images of which few are of the task: chosen by two networks, or all of them.

The teacher knows digits of 8 x 8 pixels. A quarter of the images that the student gets are digits; the others are small
photographs. There are no labels.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from graphdistill.bench.kd._tables import Scores, fit_students, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.data.images import in_shape
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.methods import kd, kd3, ssld

OTHERS = "cifar10_subset"
DIGITS, TIMES, STEPS = 500, 3, 200
"""Digits without labels, photographs for each of them, and steps of each training."""
METHODS = {
    "KD on all": kd.Config(label_weight=0.0),
    "KD3": kd3.Config(),
    "KD3, all entries": kd3.Config(keep=1.0),
    "KD3, selection alone": kd3.Config(feature_weight=0.0, contrast=0.0),
    "SSLD": ssld.Config(),
    "SSLD, 40 of each class": ssld.Config(per_class=40),
}


def measure(bench: Bench) -> None:
    """Test accuracy of teacher and students."""
    found = run_seeds(bench, score_methods, bench, "unlabelled")
    show("digits among photographs, ConvNet to ConvNet-8, test accuracy in %", found, "KD on all")


def score_methods(bench: Bench, seed: int, split: str = "test") -> Scores:
    """A teacher on digits, and students on digits and photographs."""
    data, other = (load(name, bench.root, seed=seed) for name in ("digits", OTHERS))
    assert isinstance(data, ImageDataset)
    assert isinstance(other, ImageDataset)
    full, config = ImageView(data), KDConfig(steps=bench.steps or STEPS)
    with scoped(seed, "teacher"):
        teacher = ImageView.TEACHERS["ConvNet"](full)
    fit_labels(teacher, full, config, seed=seed)
    draws = generator(seed, "unlabelled")
    digits = data.train[torch.randperm(len(data.train), generator=draws)[:DIGITS]]
    photographs = other.train[torch.randperm(len(other.train), generator=draws)[: TIMES * len(digits)]]
    images = torch.cat([data.images, in_shape(other.images[photographs], data.images.shape[1:])])
    added = torch.arange(len(data.images), len(images))
    y = torch.cat([data.y, torch.zeros_like(added)])
    mixed = replace(data, images=images, y=y, train=torch.cat([digits, added]))
    view = ImageView(mixed, labelled=digits[:0])
    networks: dict[str, nn.Module] = {"teacher": teacher}
    networks |= fit_students(METHODS, lambda: ImageView.STUDENTS["ConvNet-8"](view), teacher, view, config, seed)
    return {name: {"accuracy": 100 * full.score(network, split)} for name, network in networks.items()}
