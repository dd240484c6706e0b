"""SLA on few labelled digits: against labels alone and against rotations as plain augmentation."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.randomness import class_balanced_order, generator, scoped
from graphdistill.core.training.metrics import score
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.transformed import transformed
from graphdistill.kd.distill import context_of, fit, fit_kd, fit_labels
from graphdistill.kd.methods import sla

LABELS, STEPS = 20, 300
"""Labels of each class, and steps of each training."""
AUGMENTATION, SLA, AGGREGATED = "rotations as augmentation", "SLA", "SLA, aggregated over 4 rotations"


def measure(bench: Bench) -> None:
    """Accuracy of students."""
    found = run_seeds(bench, _seed, bench, "SLA")
    title = f"digits, {LABELS} labels a class, MLP, accuracy in % on the images that no training sees"
    show(title, found, ("labels", AUGMENTATION))


def _seed(bench: Bench, seed: int) -> Scores:
    """All methods on one split, with the same first weights."""
    data = load("digits", bench.root, seed=seed)
    order = data.train[class_balanced_order(data.y[data.train], generator(seed, "labels"))]
    count = LABELS * (int(data.y.max()) + 1)
    view = ImageView(replace(data, train=order[:count], test=torch.cat([data.test, order[count:]])))
    config, found = KDConfig(steps=bench.steps or STEPS), {}

    def accuracy(logits: Tensor) -> dict[str, float]:
        return {"accuracy": 100 * score(logits, view.labels(view.data.test), view.metric)}

    for name in ("labels", AUGMENTATION, SLA):
        with scoped(seed, "student"):
            student = ImageView.STUDENTS["MLP"](view)
        if name == "labels":
            fit_labels(student, view, config, seed=seed)
        elif name == AUGMENTATION:
            fit_kd(student, None, view, sla.Config(joint=False), config, seed=seed)
        else:
            context = context_of(student, student, view, config, seed=seed, progress=NO_PROGRESS)
            objective = sla.objective(context, sla.Config())
            fit(context, objective, config)
        found[name] = accuracy(view.logits(student, "test"))
    assert isinstance(objective.module, sla.JointHead)
    views = transformed(view, sla.Config().views)
    found[AGGREGATED] = accuracy(sla.aggregated_logits(student, objective.module, views, view.data.test))
    return found
