"""Adaptive width against fixed truncation by budgets: accuracy for multiply-adds, and which rows use many learners.

Both have the same learners and the same training. The third phase of the character model has a tenth of the steps of
the float network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from rich.table import Table

from graphdistill.bench.kd._tables import Scores, console, run_seeds, show, trained_network
from graphdistill.bench.options import KDBench as Bench
from graphdistill.compress.adaptive import use_of
from graphdistill.compress.evaluate import score_seed
from graphdistill.compress.methods.adaptive_width import Config, baselines
from graphdistill.core.methods import MethodConfig
from graphdistill.kd.data.text import TextView
from graphdistill.kd.data.view import View

NETWORKS: Mapping[str, tuple[str, int | None]] = {"text/shakespeare": ("Transformer-32", 200), "cora": ("GCN", None)}
"""Network of each data set, and steps of the third phase, where they are not those of the float network."""
BUDGETS = (0.25, 0.5, 0.75)
SHOWN = 5
"""Groups with the most learners, and with the least, that are shown."""


def measure(bench: Bench) -> None:
    """Accuracy and multiply-adds by budget, then the learners of groups of rows on the first seed."""
    for dataset, (network, _) in NETWORKS.items():
        found = run_seeds(bench, _seed, (bench, dataset), dataset)
        for column in ("accuracy", "multiply-adds"):
            rows = {row: {column: values[column]} for row, values in found.items() if column in values}
            for budget in BUDGETS:
                own = {row: values for row, values in rows.items() if row.startswith(f"{budget} ")}
                show(f"{dataset}, {network}, {column}", own, f"{budget} fixed truncation")
        uses = {row: values["learners"] for row, values in found.items() if "learners" in values}
        _show_uses(dataset, uses)


def _show_uses(dataset: str, uses: Mapping[str, list[float]]) -> None:
    """Groups with the most and the least learners."""
    order = sorted(uses, key=lambda row: -uses[row][0])
    shown = Table(
        title=f"{dataset}, learners of a row, of {Config().learners} (mean over layers and seeds)", title_justify="left"
    )
    shown.add_column("rows")
    shown.add_column("learners", justify="right")
    for row in order[:SHOWN] + order[max(SHOWN, len(order) - SHOWN) :]:
        shown.add_row(row, f"{sum(uses[row]) / len(uses[row]):.2f}")
    console.print(shown)


def _seed(context: tuple[Bench, str], seed: int) -> Scores:
    """All rows of all budgets on one split, from one trained network."""
    bench, dataset = context
    view, model, training = trained_network(bench, dataset, *NETWORKS[dataset], seed)
    found: dict[str, Mapping[str, float]] = {}
    for budget in BUDGETS:
        config = Config(budget=budget)
        if bench.steps is not None:
            config = replace(config, learner_steps=bench.steps, gate_steps=bench.steps)
        methods: dict[str, MethodConfig] = {**baselines(config), config.name: config}
        rows = score_seed(view, methods, training, model=model, seed=seed)
        for row, s in rows.items():
            found[f"{budget} {row}"] = {"accuracy": 100 * s.test, "multiply-adds": s.multiply_adds}
        if budget == BUDGETS[len(BUDGETS) // 2]:
            trained = rows[config.name].compressed.network
            found |= {row: {"learners": number} for row, number in _groups(view, use_of(trained, view, view.data.test))}
    return found


def _groups(view: View, uses: Mapping[str, torch.Tensor]) -> list[tuple[str, float]]:
    """Mean number of learners of rows by character, or of nodes by the number of their neighbours."""
    used = torch.stack([number.float() for number in uses.values()]).mean(0).flatten()
    if isinstance(view, TextView):
        key = view.data.tokens[view.data.test].flatten()
        names = [repr(token) for token in view.data.vocabulary]
    else:
        degree = view.data.edge_index[1].bincount(minlength=len(view.data.y))
        key, names = degree.clamp(max=8), [f"{count} neighbours" for count in range(8)] + ["8 neighbours or more"]
    least = len(key) / 1000
    return [(names[i], float(used[key == i].mean())) for i in range(len(names)) if int((key == i).sum()) > least]
