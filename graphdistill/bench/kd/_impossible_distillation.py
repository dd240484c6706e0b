"""Impossible Distillation-like: filtered continuations of a weak character model against as many unfiltered ones."""

from __future__ import annotations

from dataclasses import replace

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.data.datasets import TextDataset
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.text import LanguageModelView
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.methods import impossible_distillation

TEACHER_STEPS, STEPS, WINDOWS = 400, 400, 600
"""Steps of the weak generator and of the student in all rounds, and windows of each of validation and test."""
ROWS = {"unfiltered": {"critics": False}, "filtered": {}}
SETS = {"one round": {"rounds": 1}, "two rounds": {"rounds": 2}}


def measure(bench: Bench) -> None:
    """Accuracy of the next character on real texts, of students that saw generated ones alone."""
    found = run_seeds(bench, _seed, bench, "continuations")
    show("text/shakespeare, next character, test accuracy in %, student on generated texts", found, "unfiltered")


def _seed(bench: Bench, seed: int) -> Scores:
    """Both sets of one generator, in one round and in two."""
    data = load("text/shakespeare", bench.root, seed=seed)
    assert isinstance(data, TextDataset)
    view = LanguageModelView(replace(data, valid=data.valid[:WINDOWS], test=data.test[:WINDOWS]))
    with scoped(seed, "teacher"):
        teacher = view.TEACHERS["Transformer"](view)
    fit_labels(teacher, view, KDConfig(steps=bench.steps or TEACHER_STEPS), seed=seed)
    found: dict[str, dict[str, float]] = {"teacher": {name: 100 * view.score(teacher, "test") for name in SETS}}
    for row, critics in ROWS.items():
        found[row] = {}
        for name, rounds in SETS.items():
            with scoped(seed, "student"):
                student = view.STUDENTS["Transformer-32"](view)
            method = impossible_distillation.Config(**critics, **rounds)  # type: ignore[arg-type]
            fit_kd(student, teacher, view, method, KDConfig(steps=bench.steps or STEPS), seed=seed)
            found[row][name] = 100 * view.score(student, "test")
    return found
