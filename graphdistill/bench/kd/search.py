"""Search over students: DisWOT's score against distilled accuracy, AutoDistil's sub-nets against networks alone.

DisWOT: all students of a space are distilled by KD from one teacher. Kendall's tau of the score with test accuracy
stands next to that of each of its terms and of the number of parameters, over all pairs of students and over pairs that
have alike many parameters. Then come the students of at most the cost of the default one: the choice of DisWOT, that of
the most parameters, the mean of all and the best.

AutoDistil: sub-nets of a supernet, as they are, against networks of their size that are trained alone for as many
steps, by the same loss and by KD.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Any

from scipy.stats import kendalltau

from graphdistill.bench.kd._tables import Scores, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.datasets import load
from graphdistill.kd.architectures.cost import parameters
from graphdistill.kd.architectures.space import Choice, Space, space_of
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import context_of, fit_kd, fit_labels
from graphdistill.kd.evaluate import build
from graphdistill.kd.methods import autodistil, diswot

SPACES: dict[str, str] = {"cora": "MLP", "digits": "ConvNet-8"}
"""Student by data set, whose family is searched."""
STEPS = 100
"""Steps of each student: enough to rank them."""
ALIKE = 2.0
"""Two students have alike many parameters if one has less than this many times those of the other."""
FAMILIES = {"DisWOT": "total", "semantic term": "semantic", "relation term": "relation"}
"""Rows of the score and its terms."""


SUPERNETS: dict[str, tuple[str, int]] = {"digits-knn": ("MLP", 1), "text/trec": ("Transformer-16", 0)}
"""Student by data set, and which of the three sub-spaces of its family has the supernet."""


def measure(bench: Bench) -> None:
    """Both claims."""
    rank_students(bench)
    compare_subnets(bench)


def rank_students(bench: Bench) -> None:
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


def compare_subnets(bench: Bench) -> None:
    """Accuracy of sub-nets and of networks that are trained alone."""
    for name, (student, _) in SUPERNETS.items():
        found = run_seeds(bench, _subnets, (bench, name), name)
        show(f"{name}, {student}: test accuracy in % after as many steps", found, ("alone", "alone, kd"))


def _subnets(context: tuple[Bench, str], seed: int) -> Scores:
    """The smallest, the middle and the largest sub-net, and the same networks alone."""
    bench, name = context
    student, part = SUPERNETS[name]
    view, config = view_of(load(name, bench.root, seed=seed)), KDConfig(steps=bench.steps)
    teacher = fit_labels(build(view, "", "teacher", seed), view, config, seed=seed).eval()
    first = build(view, student, "student", seed)
    given = context_of(first, teacher, view, config, seed=seed, progress=NO_PROGRESS)
    method, space = (
        autodistil.Config(),
        autodistil.searched_space(given.student, given.teacher, given.data).split("width", 3)[part],
    )
    supernet, _ = autodistil.train_supernet(given, method, space)
    choices = space.choices()
    found: dict[str, dict[str, float]] = {"supernet": {}, "alone": {}, "alone, kd": {}}
    for size, choice in (("smallest", choices[0]), ("middle", choices[len(choices) // 2]), ("largest", choices[-1])):
        single, _ = autodistil.train_supernet(given, method, space.fixed(**space.sizes(choice)))
        plain = space.build(choice, seed).to(view.device)
        fit_kd(plain, teacher, view, "kd", config, seed=seed)
        networks = {"supernet": supernet.extract(choice), "alone": single.extract(choice), "alone, kd": plain}
        for row, network in networks.items():
            found[row][size] = 100 * view.score(network, "test")
    return found


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
