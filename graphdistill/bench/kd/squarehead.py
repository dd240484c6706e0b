"""SquareHead retrains a student of which most weights are zero: against no training and labels alone.

A ConvNet of digits loses its smallest weights; both students have the same zeros, labels and steps. A few labels per
class are known, as retraining on all labels recovers nearly everything by itself.
"""

from __future__ import annotations

from torch import nn

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.kinds import few_labels
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.methods import squarehead

LABELS, STEPS = 10, 300
"""Labels of each class, and steps of retraining."""
SPARSITIES = (0.8, 0.95)
"""Shares of weights that are zero."""


def measure(bench: Bench) -> None:
    """Test accuracy of the dense teacher and of its sparse students."""
    show("digits, accuracy in %", run_seeds(bench, _seed, bench, "digits"), "dense teacher")


def _seed(bench: Bench, seed: int) -> Scores:
    data = load("digits", bench.root, seed=seed)
    full = ImageView(data)
    view = ImageView(data, labelled=few_labels(data, LABELS, seed))
    with scoped(seed, "teacher"):
        teacher = ImageView.TEACHERS["ConvNet"](full)
    fit_labels(teacher, full, KDConfig(steps=bench.steps), seed=seed)
    networks: dict[str, nn.Module] = {"dense teacher": teacher}
    for sparsity in SPARSITIES:
        for name, words in (("pruned alone", None), ("labels", {"weight": 0.0}), ("squarehead", {})):
            with scoped(seed, "student"):
                student = ImageView.TEACHERS["ConvNet"](full)
            if words is None:
                squarehead.prune(student, teacher, sparsity)
            else:
                method = squarehead.Config(sparsity=sparsity, **words)
                fit_kd(student, teacher, view, method, KDConfig(steps=bench.steps or STEPS), seed=seed)
            networks[f"{sparsity:.0%} zero, {name}"] = student
    return {name: {"accuracy": 100 * full.score(network, "test")} for name, network in networks.items()}
