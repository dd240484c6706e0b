"""Seeds of a claim, its students, and its table: mean, spread and the paired difference to one of the rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import rich.console
from rich.table import Table
from torch import nn

from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.report import mean_and_deviation
from graphdistill.core.evaluation.paired import paired
from graphdistill.core.methods import MethodConfig
from graphdistill.core.parallel import parallel_map
from graphdistill.core.randomness import scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import fit_kd, fit_labels
from graphdistill.kd.evaluate import build

console = rich.console.Console(width=120)

Scores = Mapping[str, Mapping[str, float]]
"""Numbers of one seed, by row and column."""


def run_seeds(bench: Bench, function: Callable[[Any, int], Scores], context: Any, label: str) -> dict[str, Any]:
    """Run ``function(context, seed)`` for all seeds in parallel processes.

    Args:
        bench: seeds and number of processes.
        function: a function of a module; returns the numbers of one seed.
        context: shared by all seeds.
        label: what a line of progress begins with.

    Returns:
        The numbers of all seeds, a list by row and column.
    """
    found: dict[str, dict[str, list[float]]] = {}
    start = time.perf_counter()
    seeds = list(bench.seed_range)
    for seed, scores in zip(seeds, parallel_map(function, context, seeds, jobs=bench.num_jobs), strict=True):
        for row, columns in scores.items():
            for column, value in columns.items():
                found.setdefault(row, {}).setdefault(column, []).append(value)
        console.print(f"{label}, seed {seed}: {time.perf_counter() - start:.0f} s since the start")
    return found


def fit_students(
    methods: Mapping[str, str | MethodConfig],
    make: Callable[[], nn.Module],
    teacher: nn.Module,
    view: View,
    config: KDConfig,
    seed: int,
) -> dict[str, nn.Module]:
    """Students by several methods, by row, which begin with the same weights.

    Args:
        methods: methods by row.
        make: makes a student with new weights.
        teacher: the trained network.
        view: the data.
        config: training of every student.
        seed: seed of weights and batches.
    """
    networks = {}
    for name, method in methods.items():
        with scoped(seed, "student"):
            networks[name] = make()
        fit_kd(networks[name], teacher, view, method, config, seed=seed)
    return networks


def trained_network(
    bench: Bench, dataset: str, network: str, steps: int | None, seed: int
) -> tuple[View, nn.Module, KDConfig]:
    """Data, a network trained on them, and the training of what it is compressed to.

    Args:
        bench: root of the data and number of steps.
        dataset: the data set.
        network: name of the network.
        steps: steps of the training of the compressed network, of which eight are checked; ``None`` for those of the
            kind of data.
        seed: seed of split and network.
    """
    view = view_of(load(dataset, bench.root, seed=seed))
    model = fit_labels(build(view, network, "teacher", seed), view, KDConfig(steps=bench.steps), seed=seed)
    return view, model, KDConfig(steps=bench.steps or steps, eval_every=None if steps is None else steps // 8)


def show(
    title: str, found: Mapping[str, Mapping[str, Sequence[float]]], against: str | Sequence[str] = (), digits: int = 2
) -> None:
    """Print mean and standard deviation over seeds, and paired differences with their standard errors.

    Args:
        title: title of the table.
        found: numbers by row and column, one per seed.
        against: rows that the others are compared with. (default: none)
        digits: digits after the point. (default: 2)
    """
    rows = [against] if isinstance(against, str) else list(against)
    columns = list(dict.fromkeys(column for values in found.values() for column in values))
    count = max(len(v) for values in found.values() for v in values.values())
    shown = Table(title=f"{title}, {count} seeds", title_justify="left")
    shown.add_column("")
    for column in columns:
        shown.add_column(column, justify="right")
        for row in rows:
            shown.add_column(f"{column} - {row}", justify="right")
    for name, values in found.items():
        cells = []
        for column in columns:
            here = values.get(column)
            cells.append("" if here is None else mean_and_deviation(here, digits))
            for row in rows:
                other = found[row].get(column)
                same = here is None or other is None or name == row
                cells.append("" if same else _difference(here or [], other or [], digits))
        shown.add_row(name, *cells)
    console.print(shown)


def _difference(values: Sequence[float], others: Sequence[float], digits: int) -> str:
    found = paired(values, others)
    return f"{found.mean:+.{digits}f} ± {found.error:.{digits}f}, {found.wins}/{found.count}"
