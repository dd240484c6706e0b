"""Cr-KD against the same training without distillation: two novel classes of digits in unlabelled images.

Teacher and student know the digits 0 to 7; the images of 8 and 9 have no labels. The student starts as a copy of the
teacher with new weights for the two novel classes.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.methods import cr_kd

NOVEL = 2
STEPS = 150
METHODS = {f"alpha {alpha}": cr_kd.Config(novel=NOVEL, alpha=alpha) for alpha in (0.0, 0.1, 1.0)}


def measure(bench: Bench) -> None:
    """Accuracy on novel classes up to the order of their numbers, and on known ones."""
    found = run_seeds(bench, _seed, bench, "digits")
    show("digits, 8 and 9 novel, test accuracy in %, ConvNet", found, "alpha 0.0")


def _seed(bench: Bench, seed: int) -> Scores:
    """All weights of the distillation on one split, with one teacher."""
    data = load("digits", bench.root, seed=seed)
    known = int(data.y.max()) + 1 - NOVEL
    view = ImageView(data, labelled=data.train[data.y[data.train] < known])
    with scoped(seed, "teacher"):
        teacher = ImageView.TEACHERS["ConvNet"](view)
    fit_labels(teacher, view, KDConfig(steps=bench.steps), seed=seed)
    found = {}
    for name, method in METHODS.items():
        student = copy.deepcopy(teacher)
        head = student.get_submodule("head")
        assert isinstance(head, nn.Linear)
        new_classes(head, known, generator(seed, "head"))
        fit_kd(student, teacher, view, method, KDConfig(steps=bench.steps or STEPS), seed=seed)
        logits, y = view.predict(student, data.test).logits, view.labels(data.test)
        old = logits[y < known].argmax(dim=1) == y[y < known]
        found[name] = {
            "novel": 100 * clustering_accuracy(logits[y >= known][:, known:].argmax(dim=1), y[y >= known] - known),
            "known": 100 * float(old.float().mean()),
        }
    return found


@torch.no_grad()
def new_classes(head: nn.Linear, known: int, draws: torch.Generator) -> None:
    """Draw the weights of all classes but the first ``known`` ones anew, as large as those of the known ones."""
    novel = head.weight[known:]
    novel.copy_(torch.randn(novel.shape, generator=draws) * head.weight[:known].std())
    head.bias[known:] = 0


def clustering_accuracy(cluster: Tensor, y: Tensor) -> float:
    """Share of entries of two classes whose cluster, 0 or 1, is that of their class, for the better of both orders."""
    hit = float((cluster == y).float().mean())
    return max(hit, 1 - hit)
