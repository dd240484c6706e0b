"""A student that asks its teacher where it is not sure: accuracy for the share of calls, against random calls."""

from __future__ import annotations

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.datasets import load
from graphdistill.kd.asking import ask_teacher
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import few_labels, view_of
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.evaluate import build

DATA = {"digits": 2, "cora": None}
"""Data sets, and labels of each class that students have where they are fewer than all."""
SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)


def measure(bench: Bench) -> None:
    """Accuracy of students on labels alone and by distillation, by the wished share of teacher calls."""
    for dataset in DATA:
        found = run_seeds(bench, _seed, (bench, dataset), dataset)
        show(f"{dataset}, test accuracy and share of calls in %", found)


def _seed(context: tuple[Bench, str], seed: int) -> Scores:
    """Both students of one seed."""
    bench, dataset = context
    data, config = load(dataset, bench.root, seed=seed), KDConfig(steps=bench.steps)
    whole, labels = view_of(data), DATA[dataset]
    view = whole if labels is None else view_of(data, "cpu", few_labels(data, labels, seed))
    teacher = fit_labels(build(whole, "", "teacher", seed), whole, config, seed=seed)
    rows: dict[str, dict[str, float]] = {}
    for row in ("labels alone", "kd"):
        student = build(view, "", "student", seed)
        if row == "kd":
            fit_kd(student, teacher, view, "kd", config, seed=seed)
        else:
            fit_labels(student, view, config, seed=seed, label=row)
        for asked in ask_teacher(view, student, teacher, SHARES):
            values = {"calls": asked.share, "by confidence": asked.test, "at random": asked.random}
            rows[f"{row}, {100 * asked.wished:.0f}% wished"] = {name: 100 * value for name, value in values.items()}
    return rows
