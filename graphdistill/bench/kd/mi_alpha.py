"""MI-alpha's bounds on Gaussians of known information, and its place among all pipelines, with AutoDistiller's pick.

The information of two Gaussians with correlation rho in d independent dimensions is -d/2 log(1 - rho^2). Pipelines are
ranked by the student's test score; AutoDistiller recommends one for a data set from the pipelines of the others, by
validation scores alone.
"""

from __future__ import annotations

import math
import statistics
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from graphdistill.bench.kd._tables import Scores, console, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.kinds import few_labels, view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.distill import fit_labels
from graphdistill.kd.features.mutual_information import MutualInformation
from graphdistill.kd.search import AutoDistiller, Trial, describe, fit_pipeline, grid

ALPHAS, CORRELATIONS, DIMENSIONS, PAIRS = (0.5, 0.9, 1.0), (0.5, 0.9, 0.99), 4, 65
"""Gaussians: weights, correlations, dimensions, and pairs of a batch."""
DATASETS = ("digits", "digits/usps", "digits-knn", "cora")
"""Data sets of the pipelines."""
LABELS = 10
"""Labels of each class of images; nodes have those of their split."""
STEPS = {"images": 150, "nodes": 80}
"""Steps of students, and of teachers of nodes; those of images have three times as many."""


def measure(bench: Bench) -> None:
    """Bounds on Gaussians, then the ranks of pipelines."""
    found = run_seeds(bench, gaussians, bench.steps or 1000, "Gaussians")
    show(f"information in nats, {PAIRS - 1} samples", found, digits=3)
    trials = run_seeds(bench, pipelines, bench, "pipelines")
    _show_ranks(trials)


def gaussians(steps: int, seed: int) -> Scores:
    """Estimates by learned critics on new samples, with the true information, log(K / alpha) and the limit."""
    found = {}
    for rho in CORRELATIONS:
        for alpha in ALPHAS:
            with scoped(seed, "critic"):
                loss = MutualInformation(DIMENSIONS, DIMENSIONS, alpha)
            optimizer = torch.optim.Adam(loss.parameters(), lr=3e-3)
            draws = generator(seed, "gaussians")
            for _ in range(steps):
                optimizer.zero_grad()
                loss(*_sample(rho, draws)).mean().backward()
                optimizer.step()
            with torch.no_grad():
                values = [-loss(*_sample(rho, draws)).mean().item() for _ in range(500)]
            found[f"rho {rho}, alpha {alpha}"] = {
                "estimate": statistics.fmean(values),
                "true": -0.5 * DIMENSIONS * math.log(1 - rho**2),
                "log(K / alpha)": math.log((PAIRS - 1) / alpha),
                "limit": math.log((PAIRS - 1) / alpha) + (alpha < 1),
            }
    return found


def _sample(rho: float, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    x, noise = torch.randn(2, PAIRS, DIMENSIONS, generator=draws)
    return rho * x + math.sqrt(1 - rho**2) * noise, x


def pipelines(bench: Bench, seed: int) -> Scores:
    """Validation and test scores of all pipelines on all data sets, and AutoDistiller's picks, by data set."""
    scores: dict[str, dict[str, float]] = {}
    trials: dict[str, list[Trial]] = {}
    described: dict[str, dict[str, float]] = {}
    for name in DATASETS:
        view = _view(name, bench, seed)
        steps = bench.steps or STEPS[view.KIND]
        with scoped(seed, "teacher"):
            teacher = next(iter(view.TEACHERS.values()))(view)
        fit_labels(
            teacher, view_of(view.data), KDConfig(steps=3 * steps if view.KIND == "images" else steps), seed=seed
        )
        scores[name], trials[name] = {}, []
        for pipeline in grid():
            with scoped(seed, "student"):
                student = next(iter(view.STUDENTS.values()))(view)
            described[name] = described.get(name) or describe(view, student, teacher)
            valid = fit_pipeline(student, teacher, view, pipeline, KDConfig(steps=steps), seed=seed).valid
            trials[name].append(Trial(described[name], pipeline, valid / described[name]["teacher"]))
            scores[name][str(pipeline)] = 100 * view.score(student, "test")
    for name in DATASETS:
        others = [trial for other in DATASETS if other != name for trial in trials[other]]
        pick = AutoDistiller(others, seed).recommend(described[name], grid())
        scores[name]["AutoDistiller"] = scores[name][str(pick)]
        mine = [trial for trial in trials[name] if trial.pipeline.intermediate == "mi-alpha"]
        scores[name]["mi-alpha, best on validation"] = scores[name][str(max(mine, key=lambda t: t.ratio).pipeline)]
    return scores


def _view(name: str, bench: Bench, seed: int) -> View:
    """A data set, of images with few labels for the student."""
    view = view_of(load(name, bench.root, seed=seed))
    if not isinstance(view, ImageView):
        return view
    return ImageView(view.data, labelled=few_labels(view.data, LABELS, seed))


def _show_ranks(found: dict[str, Any]) -> None:
    """Mean test scores, and the rank of each pipeline on each data set."""
    names = [str(pipeline) for pipeline in grid()]
    table = Table(title=f"rank among {len(names)} pipelines by test score, 1 is the best (mean score in %)")
    for column in ("pipeline", *found, "mean rank"):
        table.add_column(column)
    rows = []
    for name in next(iter(found.values())):
        cells, ranks = [], []
        for columns in found.values():
            # Ties share the mean of their places.
            per_seed = [
                1
                + sum(columns[other][i] > value for other in names)
                + 0.5 * sum(columns[other][i] == value for other in names if other != name)
                for i, value in enumerate(columns[name])
            ]
            ranks.append(statistics.fmean(per_seed))
            cells.append(f"{ranks[-1]:.1f} ({statistics.fmean(columns[name]):.1f})")
        rows.append((statistics.fmean(ranks), name, cells))
    for mean, name, cells in sorted(rows):
        table.add_row(name, *cells, f"{mean:.1f}")
    console.print(table)
