"""Swing-like against KD: how well a membership attack on the student finds the teacher's training images; accuracy.

The teacher is trained on 150 labelled images of digits, of which 20 % have wrong labels, until it knows them by heart.
Students learn from its logits on these images and on as many others whose labels it did not see. The attack compares
the student's loss on the labels that the teacher saw with that on test images, whose labels are wrong as often.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from graphdistill.bench.kd._tables import Scores, fit_students, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.evaluation.membership import membership_auc
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.methods import kd, swing

MEMBERS = 150
"""Labelled images."""
OTHERS = 150
"""Unlabelled images that students learn from, too."""
WRONG = 0.2
"""Share of wrong labels."""
STEPS = 400
METHODS = {
    "KD": kd.Config(label_weight=0.0),
    "KD, temperature 8": kd.Config(label_weight=0.0, temperature=8.0),
    "Swing": swing.Config(),
    "Swing, strength 16": swing.Config(strength=16.0),
}


def measure(bench: Bench) -> None:
    """Area under the curve of the attack, and accuracy."""
    found = run_seeds(bench, _seed, bench, "digits")
    show(f"digits, {MEMBERS} members of which {WRONG:.0%} are mislabelled, ConvNet to ConvNet-8, in %", found, "KD")


def _seed(bench: Bench, seed: int) -> Scores:
    """All methods on one split, with one teacher and one initial student."""
    data = load("digits", bench.root, seed=seed)
    draws = generator(seed, "members")
    train = data.train[torch.randperm(len(data.train), generator=draws)[: MEMBERS + OTHERS]]
    y = mislabelled(data.y, draws)
    view = ImageView(replace(data, y=y, train=train, valid=data.valid), labelled=train[:MEMBERS])
    clean = ImageView(replace(data, train=train))
    config = KDConfig(steps=bench.steps or STEPS, eval_every=bench.steps or STEPS)
    with scoped(seed, "teacher"):
        teacher = ImageView.TEACHERS["ConvNet"](view)
    fit_labels(teacher, view, replace(config, weight_decay=0.0), seed=seed)
    networks: dict[str, nn.Module] = {"teacher": teacher}
    networks |= fit_students(METHODS, lambda: ImageView.STUDENTS["ConvNet-8"](view), teacher, view, config, seed)
    found = {}
    for name, network in networks.items():
        members, others = (view.losses(network, index) for index in (train[:MEMBERS], data.test))
        found[name] = {
            "attack AUC": 100 * membership_auc(members, others)[0],
            "accuracy": 100 * clean.score(network, "test"),
        }
    return found


def mislabelled(y: Tensor, draws: torch.Generator, share: float = WRONG) -> Tensor:
    """Labels of which a share is wrong, long ``[n]``."""
    wrong = torch.rand(len(y), generator=draws) < share
    classes = int(y.max()) + 1
    return torch.where(wrong, (y + 1 + torch.randint(classes - 1, (len(y),), generator=draws)) % classes, y)
