"""Further pre-training with self-distillation on few labels: against none, and against masked autoencoding alone.

The vision transformer was pre-trained as a masked autoencoder on other images, MNIST in the size of the digits, before
any of it.
"""

from __future__ import annotations

from dataclasses import replace

import torch.nn.functional as F
from torch import nn

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.networks.vit import ViT
from graphdistill.core.randomness import class_balanced_order, generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import context_of, fit_kd, fit_labels
from graphdistill.kd.methods import further_pretraining

LABELS, STEPS = 5, 300
"""Labels of each class, and steps of each training."""
ALONE, TWICE, SELF = "autoencoder", "twice the steps", "self-distillation"


def measure(bench: Bench) -> None:
    """Test accuracy of one student, pre-trained further in each way."""
    found = run_seeds(bench, _seed, bench, "further pre-training")
    show(f"digits, {LABELS} labels a class, ViT from MNIST, test accuracy in %", found, ("none", ALONE, TWICE))


def _seed(bench: Bench, seed: int) -> Scores:
    """All ways on one split, with the same first weights."""
    data, other, steps = load("digits", bench.root, seed=seed), load("mnist5k", bench.root), bench.steps or STEPS
    assert isinstance(other, ImageDataset)
    order = class_balanced_order(data.y[data.train], generator(seed, "labels"))
    view = ImageView(data)
    view = ImageView(data, labelled=data.train[order[: LABELS * view.num_classes]])
    side = view.shape[1]
    general = ImageView(replace(other, images=F.interpolate(other.images, (side, side), mode="area")))
    config, once = KDConfig(steps=steps), further_pretraining.Config(pretraining_steps=steps)
    with scoped(seed, "student"):
        first = ViT(view.shape, view.num_classes, patch=2, width=32, depth=3)
    context = context_of(first, first, general, config, seed=seed, progress=NO_PROGRESS)
    further_pretraining.pretrain_masked(context, once)
    found = {}
    methods = {ALONE: replace(once, weight=0.0), TWICE: replace(once, weight=0.0, pretraining_steps=2 * steps)}
    for name, method in {"none": None, **methods, SELF: once}.items():
        student: nn.Module = ViT(view.shape, view.num_classes, patch=2, width=32, depth=3)
        student.load_state_dict(first.state_dict())
        if method is None:
            fit_labels(student, ImageView(replace(data, train=view.labelled)), config, seed=seed)
        else:
            fit_kd(student, None, view, method, config, seed=seed)
        found[name] = {"accuracy": 100 * view.score(student, "test")}
    return found
