"""SD-DARTS-like against the same search without voting: sharpness, and what is lost when operations are chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.networks.mixed import mixed_operations
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import few_labels, view_of
from graphdistill.kd.distill import context_of, fit_labels
from graphdistill.kd.methods import sd_darts

LABELS, STEPS = 20, 200
"""Labels of each class, and steps of the search and of the training after it."""
METHODS = {"DARTS": sd_darts.Config(weight=0.0), "SD-DARTS": sd_darts.Config()}
DATA = {"digits-knn": "mixed-GNN", "digits": "mixed-ConvNet"}
"""Supernet of each data set."""


def measure(bench: Bench) -> None:
    """Both searches on nodes and on images."""
    for dataset, supernet in DATA.items():
        found = run_seeds(bench, _seed, (bench, dataset), f"{supernet} on {dataset}")
        show(f"{dataset}, {LABELS} labels a class, {supernet}, accuracies in %", found, "DARTS")


def _seed(context: tuple[Bench, str], seed: int) -> Scores:
    """Both searches on one split, with the same first weights."""
    bench, dataset = context
    data = load(dataset, bench.root, seed=seed)
    view, config = view_of(data, labelled=few_labels(data, LABELS, seed)), KDConfig(steps=bench.steps or STEPS)
    make: Mapping[str, Callable[[Any], nn.Module]] = view.STUDENTS
    found = {}
    for name, method in METHODS.items():
        with scoped(seed, "student"):
            student = make[DATA[dataset]](view)
        setting = context_of(student, student, view, config, seed=seed, progress=NO_PROGRESS)
        sd_darts.search(setting, method)
        sharpness, whole = sd_darts.sharpness(setting, data.valid), 100 * view.score(student, "test")
        for operation in mixed_operations(student):
            operation.discretise()
        chosen = 100 * view.score(student, "test")
        fit_labels(student, view, config, seed=seed)
        found[name] = {
            "sharpness": sharpness,
            "supernet": whole,
            "gap": whole - chosen,
            "trained": 100 * view.score(student, "test"),
        }
    return found
