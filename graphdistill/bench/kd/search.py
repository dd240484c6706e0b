"""Search over students: does DisWOT's score rank untrained students as distillation does?

All students of a space are distilled by KD from one teacher. Kendall's tau of the score with their test accuracy stands
next to that of each of its terms and of the number of parameters, over all pairs of students and over pairs that have
alike many parameters. Then come the students of at most the cost of the default one: the choice of DisWOT, that of the
most parameters, the mean of all and the best.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Any

from scipy.stats import kendalltau

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.datasets import load
from graphdistill.kd.architectures.cost import parameters
from graphdistill.kd.architectures.space import Choice, Space, space_of
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.evaluate import build
from graphdistill.kd.methods import diswot

SPACES: dict[str, str] = {"cora": "MLP", "digits": "ConvNet-8"}
"""Student by data set, whose family is searched."""
STEPS = 100
"""Steps of each student: enough to rank them."""
ALIKE = 2.0
"""Two students have alike many parameters if one has less than this many times those of the other."""
FAMILIES = {"DisWOT": "total", "semantic term": "semantic", "relation term": "relation"}
"""Rows of the score and its terms."""


def measure(bench: Bench) -> None:
    """Tau on all data sets, and what a search under a cap is worth."""
    everywhere: dict[str, dict[str, dict[str, list[float]]]] = {"all": {}, "alike": {}, "cap": {}}
    for name in SPACES:
        for row, columns in run_seeds(bench, _rank, (bench, name), name).items():
            table, _, label = row.partition(": ")
            everywhere[table].setdefault(label, {}).update(columns)
    for pairs in ("all", "alike"):
        title = f"Kendall's tau with test accuracy after distillation, {pairs} students"
        show(title, everywhere[pairs], "parameters", digits=3)
    show("students of at most the default one's cost, test accuracy in %", everywhere["cap"], "mean of all")


def _rank(context: tuple[Bench, str], seed: int) -> Scores:
    """Tau of all scores over the students of a space, with one teacher, and accuracies under the cap."""
    bench, name = context
    view = view_of(load(name, bench.root, seed=seed))
    teacher = fit_labels(build(view, "", "teacher", seed), view, KDConfig(steps=bench.steps), seed=seed)
    student = build(view, SPACES[name], "student", seed)
    space, table = space_of(student, view), []
    scored = {
        teachers: diswot.Scores(teacher, view, space, diswot.Config(trained_teacher=trained), seed)
        for teachers, trained in (("", False), (", trained teacher", True))
    }
    for choice in space.choices():
        row = {"parameters": float(parameters(space.build(choice)))}
        for teachers, scores in scored.items():
            similarity = scores(choice)
            row |= {label + teachers: getattr(similarity, term) for label, term in FAMILIES.items()}
        row["best"] = distilled(view, teacher, space, choice, bench.steps or STEPS, seed)
        table.append(row)
    found: dict[str, dict[str, float]] = {}
    for label in table[0]:
        if label != "best":
            pairs = [[row[key] for row in table] for key in (label, "best", "parameters")]
            found[f"all: {label}"] = {name: float(kendalltau(*pairs[:2]).statistic)}
            found[f"alike: {label}"] = {name: tau_among_alike(*pairs)}
    fitting = [row for row in table if row["parameters"] <= parameters(student)]
    for label in ("DisWOT", "DisWOT, trained teacher", "parameters", "best"):
        found[f"cap: {label}"] = {name: max(fitting, key=lambda row: row[label])["best"]}
    found["cap: mean of all"] = {name: statistics.fmean(row["best"] for row in fitting)}
    return found


def tau_among_alike(values: Sequence[float], truth: Sequence[float], sizes: Sequence[float]) -> float:
    """Kendall's tau over the pairs whose sizes differ by less than a factor; pairs of equal truth do not count.

    Example:
        >>> tau_among_alike([1, 2, 3], [0.1, 0.2, 0.0], [10, 11, 100])
        1.0
    """
    signs = []
    for i, j in itertools.combinations(range(len(values)), 2):
        if max(sizes[i], sizes[j]) < ALIKE * min(sizes[i], sizes[j]) and truth[i] != truth[j]:
            product = (values[i] - values[j]) * (truth[i] - truth[j])
            signs.append((product > 0) - (product < 0))
    return statistics.fmean(signs)


def distilled(view: View, teacher: Any, space: Space, choice: Choice, steps: int, seed: int) -> float:
    """Test accuracy of one student after KD, in %."""
    student = space.build(choice, seed).to(view.device)
    fit_kd(student, teacher, view, "kd", KDConfig(steps=steps, eval_every=max(1, steps // 5)), seed=seed)
    return 100 * view.score(student, "test")
