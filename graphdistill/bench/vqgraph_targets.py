"""Targets that validation chooses, against GLNN and KRD, on graphs with neighbours of like and of unlike classes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import rich.console
from rich.table import Table

from graphdistill.bench.options import VQGraphBench as Bench
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.evaluation.paired import paired
from graphdistill.core.parallel import default_jobs, parallel_map
from graphdistill.datasets import load
from graphdistill.vqgraph.config import VQGraphConfig
from graphdistill.vqgraph.evaluate import NAMES, Scores, accuracy, macro_f1, score_seed

METHODS = ("teacher", "glnn", "krd", "vqgraph")
CONFIG = VQGraphConfig(code_weight=0.0)
"""Without codes, which do not change the accuracy and take most of the time."""

console = rich.console.Console(width=120)

Values = dict[str, dict[str, list[float]]]
"""Scores of the seeds, by graph and method."""


def compare_targets(bench: Bench) -> None:
    """Score teacher, GLNN, KRD and VQGraph on every graph, and show paired differences on each and on their mean."""
    for setting in bench.settings:
        seeds = range(bench.first_seed, bench.first_seed + bench.seeds)
        items = [(name, seed) for name in bench.graphs for seed in seeds]
        found: Values = {name: {method: [] for method in METHODS} for name in bench.graphs}
        results = parallel_map(_score, (bench, setting, CONFIG), items, jobs=bench.jobs or default_jobs())
        for (name, seed), (scores, chosen) in zip(items, results, strict=True):
            for method, value in scores.items():
                found[name][method].append(value)
            line = ", ".join(f"{method} {100 * value:.2f}" for method, value in scores.items())
            console.print(f"{name}, {setting}, seed {seed}: {line}; targets: {'; '.join(chosen)}")
        _show(setting, found)


def _score(context: tuple[Bench, Any, VQGraphConfig], item: tuple[str, int]) -> tuple[dict[str, float], list[str]]:
    """Score of every method on one graph and seed, in the last column, and the chosen targets."""
    (bench, setting, config), (name, seed) = context, item
    data = load(name, bench.root, seed=seed)
    if not isinstance(data, NodeDataset):
        raise ValueError(f"--graphs must hold the nodes of one graph, got {name}")
    measure = macro_f1 if name.startswith("twitch") else accuracy
    scores = {method: Scores(measure=measure) for method in METHODS}
    _, distilled = score_seed(
        data, "GCN", setting, config, scores, seed=seed, methods=METHODS, device=bench.torch_device
    )
    assert distilled is not None
    return {method: list(found.test.values())[-1][0] for method, found in scores.items()}, distilled.targets


def _show(setting: str, found: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Means and paired differences in points, with standard errors, by graph and on the mean of the graphs."""
    mean = {m: [statistics.fmean(v) for v in zip(*(found[g][m] for g in found), strict=True)] for m in METHODS}
    count = len(mean["teacher"])
    table = Table(title=f"targets, {setting}, {count} seeds", title_justify="left")
    for title in ("", *(NAMES[method].format("GCN") for method in METHODS), "over GLNN", "over KRD"):
        table.add_column(title)
    for name, scores in {**found, "mean": mean}.items():
        means = [f"{100 * statistics.fmean(scores[method]):.2f}" for method in METHODS]
        gains = [paired(scores["vqgraph"], scores[other]).points() for other in ("glnn", "krd")]
        table.add_row(name, *means, *gains)
    console.print(table)
