"""Every kind of data: distilling helps its student, against labels alone."""

from __future__ import annotations

from typing import Any

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.distill import fit_kd, fit_labels

PAIRS: tuple[tuple[str, str, str], ...] = (
    ("digits-knn", "GCN", "MLP"),
    ("cora", "GCN", "MLP"),
    ("facebook", "GCN", "MLP"),
    ("pains", "GIN", "GIN-16"),
    ("digits", "ConvNet", "ConvNet-8"),
    ("text/trec", "Transformer", "NGrams"),
    ("text/reviews_films", "Transformer", "NGrams"),
)
"""Data set, teacher and student."""


def measure(bench: Bench) -> None:
    """Test metric in percent of teacher, labels alone and KD on every pair."""
    for name, teacher, student in PAIRS:
        found = run_seeds(bench, _seed, (bench, name, teacher, student), name)
        show(f"{name}, {teacher} to {student}, test metric in %", found, "labels")


def _seed(context: tuple[Bench, str, str, str], seed: int) -> Scores:
    """Scores of one seed."""
    bench, name, teacher_name, student_name = context
    view, config = view_of(load(name, bench.root, seed=seed)), KDConfig(steps=bench.steps)
    networks: dict[str, Any] = {}
    for role, build in (("teacher", view.TEACHERS[teacher_name]), ("student", view.STUDENTS[student_name])):
        with scoped(seed, role):
            networks[role] = build(view)
    with scoped(seed, "student"):
        labels = view.STUDENTS[student_name](view)
    fit_labels(networks["teacher"], view, config, seed=seed)
    fit_labels(labels, view, config, seed=seed)
    fit_kd(networks["student"], networks["teacher"], view, "kd", config, seed=seed)
    rows = {"teacher": networks["teacher"], "labels": labels, "kd": networks["student"]}
    return {row: {view.metric: 100 * view.score(network, "test")} for row, network in rows.items()}
