"""Vision transformers on few labelled digits: labels alone, pre-training without a teacher, and a method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from graphdistill.bench.kd._tables import Scores
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.networks.vit import ViT
from graphdistill.core.randomness import class_balanced_order, generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_kd, fit_labels

LABELS, STEPS = 5, 400
"""Labels of each class that the student has, and steps of each training."""


def score_methods(bench: Bench, methods: Mapping[str, Any], seed: int) -> Scores:
    """Test accuracy of the teacher, of a student on labels alone, and of one student by each method.

    Args:
        bench: root of the data and number of steps.
        methods: configs of methods by row; their steps without labels are those of the bench.
        seed: seed of split, labels and networks.
    """
    data, steps = load("digits", bench.root, seed=seed), bench.steps or STEPS
    full = ImageView(data)
    order = class_balanced_order(data.y[data.train], generator(seed, "labels"))
    view = ImageView(data, labelled=data.train[order[: LABELS * full.num_classes]])
    few, config = ImageView(replace(data, train=view.labelled)), KDConfig(steps=steps)
    with scoped(seed, "teacher"):
        teacher = ViT(full.shape, full.num_classes, patch=2, width=48, depth=4)
    fit_labels(teacher, full, config, seed=seed)
    networks: dict[str, nn.Module] = {"teacher, all labels": teacher}
    for name, method in {"labels": None, **methods}.items():
        with scoped(seed, "student"):
            networks[name] = ViT(full.shape, full.num_classes, patch=2, width=32, depth=3)
        if method is None:
            fit_labels(networks[name], few, config, seed=seed)
        else:
            method = replace(method, pretraining_steps=steps)
            fit_kd(networks[name], teacher, view, method, config, seed=seed)
    return {name: {"accuracy": 100 * full.score(network, "test")} for name, network in networks.items()}
