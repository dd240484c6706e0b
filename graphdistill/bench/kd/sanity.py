"""Every kind of data: distilling helps its student, against labels alone."""

from __future__ import annotations

from typing import Any

import torch

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.distill import fit_kd, fit_labels

PAIRS: tuple[tuple[str, str, str, int | None], ...] = (
    ("digits-knn", "GCN", "MLP", None),
    ("cora", "GCN", "MLP", None),
    ("facebook", "GCN", "MLP", None),
    ("pains", "GIN", "GIN-16", None),
    ("digits", "ConvNet", "ConvNet-8", None),
    ("text/trec", "Transformer", "NGrams", None),
    ("text/trec", "Transformer", "NGrams", 500),
    ("text/reviews_films", "Transformer", "NGrams", None),
    ("text/reviews_films", "Transformer", "NGrams", 500),
)
"""Data set, teacher, student, and the number of labels that a student may use (none for all): where students have all
labels of independent entries, a teacher that has learnt from the same ones adds little to them."""


def measure(bench: Bench) -> None:
    """Test metric in percent of teacher, labels alone and KD on every pair."""
    for name, teacher, student, labels in PAIRS:
        found = run_seeds(bench, _seed, (bench, name, teacher, student, labels), name)
        few = "" if labels is None else f" with {labels} labels"
        show(f"{name}, {teacher} to {student}{few}, test metric in %", found, "labels")


def _seed(context: tuple[Bench, str, str, str, int | None], seed: int) -> Scores:
    """Scores of one seed."""
    bench, name, teacher_name, student_name, count = context
    data, config = load(name, bench.root, seed=seed), KDConfig(steps=bench.steps)
    chosen = torch.randperm(len(data.train), generator=generator(seed, "labels"))[:count]
    view, few = view_of(data), view_of(data, labelled=None if count is None else data.train[chosen])
    networks: dict[str, Any] = {}
    for role, build in (("teacher", view.TEACHERS[teacher_name]), ("student", view.STUDENTS[student_name])):
        with scoped(seed, role):
            networks[role] = build(view)
    with scoped(seed, "student"):
        labels = view.STUDENTS[student_name](view)
    fit_labels(networks["teacher"], view, config, seed=seed)
    fit_labels(labels, few, config, seed=seed)
    fit_kd(networks["student"], networks["teacher"], few, "kd", config, seed=seed)
    rows = {"teacher": networks["teacher"], "labels": labels, "kd": networks["student"]}
    return {row: {view.metric: 100 * view.score(network, "test")} for row, network in rows.items()}
