"""Unlearning against retraining: accuracy on the rest, and a membership attack on what was forgotten.

Images of digits (300 to train on, so that the network knows them by heart) at random and of one class, nodes and
graphs at random. Learning rates were chosen on the validation split of seeds 200 and 201; LAF and gradient ascent stop
by the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.unlearn.evaluate import RETRAINED, score_seed
from graphdistill.unlearn.methods import fine_tune, gradient_ascent, laf
from graphdistill.unlearn.request import check_forget, entries_of_class, random_entries

SHARE, LABEL = 0.2, 3
"""Share of the training entries that is forgotten at random, and the class that is forgotten."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is forgotten, and the settings of each method.

    Attributes:
        title: title of the table.
        dataset: data set.
        methods: configs by row.
        entries: training entries, drawn at random. (default: all)
        label: class that is forgotten. (default: a random share)
    """

    title: str
    dataset: str
    methods: Mapping[str, MethodConfig]
    entries: int | None = None
    label: int | None = None


def _methods(ascent_lr: float) -> dict[str, MethodConfig]:
    return {
        "fine-tune": fine_tune.Config(unlearn_steps=200, unlearn_lr=3e-3),
        "gradient ascent": gradient_ascent.Config(unlearn_lr=ascent_lr),
        "LAF": laf.Config(),
        "LAF+R": laf.Config(repair_steps=25),
    }


TASKS = (
    Task(title="digits, 60 of 300 images at random, ConvNet", dataset="digits", entries=300, methods=_methods(1e-4)),
    Task(
        title="digits, class 3 of 300 images, ConvNet",
        dataset="digits",
        entries=300,
        label=LABEL,
        methods=_methods(1e-4),
    ),
    Task(title="digits-knn, 20 % of the nodes at random, GCN", dataset="digits-knn", methods=_methods(1e-3)),
    Task(title="MUTAG, 20 % of the graphs at random, GIN", dataset="MUTAG", methods=_methods(1e-5)),
)


def measure(bench: Bench) -> None:
    """Accuracy, the attack, and both minus those of the retrained model."""
    for task in TASKS:
        found = run_seeds(bench, _seed, (bench, task), task.title)
        for columns, against in ((("remaining", "membership AUC"), RETRAINED), (("forgotten", "test", "seconds"), ())):
            part = {row: {name: values[name] for name in columns} for row, values in found.items()}
            show(f"{task.title}, in %", part, against)


def _seed(context: tuple[Bench, Task], seed: int) -> Scores:
    """All rows of one task on one split."""
    bench, task = context
    data = load(task.dataset, bench.root, seed=seed)
    if task.entries is not None:
        order = torch.randperm(len(data.train), generator=generator(seed, "entries"))
        data = replace(data, train=data.train[order[: task.entries]])
    index = random_entries(data, SHARE, seed) if task.label is None else entries_of_class(data, task.label)
    rows = score_seed(
        view_of(data), check_forget(data, index), task.methods, KDConfig(steps=bench.steps), seed=seed, split="test"
    )
    return {
        row: {
            "remaining": 100 * found.remaining,
            "forgotten": 100 * found.forgotten,
            "test": 100 * found.held_out,
            "membership AUC": 100 * found.attack,
            "seconds": found.seconds,
        }
        for row, found in rows.items()
    }
