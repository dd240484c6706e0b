"""Generators of one or a few steps next to their teacher, the teacher in one step and real images, several seeds.

Distances are measured on test images by a fixed classifier, in units of the distance of as many real training images;
the accuracy, or ROC-AUC, is that of a ConvNet or MLP trained on as many drawn entries as there are training entries;
ms is the time of 1,000 entries. Of a mixture of normal distributions components that are found and their shares count.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import rich.console
import torch
from rich.table import Table
from torch import Tensor

from graphdistill.bench.options import GenerateBench as Bench
from graphdistill.core.command.report import mean_and_deviation, versions
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.methods import MethodConfig
from graphdistill.core.parallel import default_jobs, parallel_map
from graphdistill.core.randomness import generator as stream
from graphdistill.datasets import load
from graphdistill.generate.command import protocol_of, resized, saved_teacher
from graphdistill.generate.config import GenerateConfig
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.distill import distill_generator
from graphdistill.generate.evaluate import START, Scored, score_method, score_teacher
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.measures import DRAWS, HeldOut, frechet_distance, held_out, real_entries
from graphdistill.generate.methods import sfd, sim
from graphdistill.generate.mixture import MixtureDenoiser, mode_errors, ring, table_of
from graphdistill.generate.sampling import sample_ode
from graphdistill.generate.space import Entries, Space, entries_of
from graphdistill.generate.teacher import TeacherConfig

console = rich.console.Console(width=190)
KEEPS, FORGETS = sim.Config(distance="squared"), sfd.Config()
SEEN = 1000
"""Entries of each class that are searched for the forgotten one."""
MEASURES = ("Frechet", "MMD", "spread", "precision", "recall", "as asked")


@dataclass(frozen=True)
class Context:
    """What all runs on a data set share."""

    bench: Bench
    entries: Entries
    held: HeldOut
    teachers: Sequence[tuple[Denoiser, float]] = ()


def main(bench: Bench) -> None:
    """All data sets, one after another."""
    console.print({**versions(), "threads": torch.get_num_threads()})
    if "sources" in bench.parts:
        for name in bench.datasets:
            measure(bench, name)
    if "mixture" in bench.parts:
        measure_mixture(bench)
    if "forgetting" in bench.parts:
        for name in bench.datasets:
            measure_forgetting(bench, name)


def measure_mixture(bench: Bench) -> None:
    """Eight components in the plane, two of each class, drawn by the exact denoiser and by generators made from it."""
    mixture = ring()
    y, seeds = torch.arange(mixture.num_classes).repeat(500), range(bench.seeds)
    imitation = mixture.copy()
    draws: dict[str, list[Tensor]] = {
        "exact draws": [mixture.draw(y, stream(seed, "mixture draws")) for seed in seeds],
        "exact teacher, 49 evaluations": [sample_ode(mixture, y, generator=stream(seed, "draws")) for seed in seeds],
        "network with its outputs, 49 evaluations": [
            sample_ode(imitation, y, generator=stream(seed, "draws")) for seed in seeds
        ],
        "network in one step": [
            Generator(imitation, [Step(sigma=START)]).draw(y, generator=stream(seed, "draws")) for seed in seeds
        ],
    }
    runs = [(method, seed) for method in bench.methods for seed in seeds]
    found = parallel_map(_mixture, (bench, mixture, y), runs, jobs=bench.jobs or default_jobs())
    for (method, _), drawn in zip(runs, found, strict=True):
        draws.setdefault(f"{method}, {bench.steps} updates", []).append(drawn)
    table = Table(title=f"eight components of four classes, {bench.seeds} seeds", title_justify="left")
    for column in ("source", "components found", "error of shares", "near no component"):
        table.add_column(column, justify="left" if column == "source" else "right")
    for name, sets in draws.items():
        errors = zip(*(mode_errors(mixture, x, y) for x in sets), strict=True)
        table.add_row(name, *map(mean_and_deviation, errors))
    console.print(table)


def _mixture(context: tuple[Bench, MixtureDenoiser, Tensor], run: tuple[str, int]) -> Tensor:
    """What the generator of a method draws."""
    (bench, mixture, y), (method, seed) = context, run
    config, draws = GenerateConfig(steps=bench.steps), stream(seed, "mixture")
    table = table_of(mixture)
    entries = Entries(table, "rows", table.x, table.y, mixture.num_classes, Space(mixture.shape))
    made = distill_generator(mixture, entries, method, config, generator=draws)
    return made.draw(y, generator=stream(seed, "draws"))


def measure(bench: Bench, name: str) -> None:
    """All teachers, then all generators of one data set."""
    start = time.perf_counter()
    context = _context(bench, name)
    entries, seeds, jobs = context.entries, range(bench.seeds), bench.jobs or default_jobs()
    ways = [(method, count) for method in bench.methods for count in bench.sampling_steps]
    runs = [(seed, *way) for way in [("", 0), *ways] for seed in seeds]
    rows: dict[str, list[tuple[Scored, float]]] = {}
    for (seed, method, _), found in zip(runs, parallel_map(_run, context, runs, jobs=jobs), strict=True):
        for row, scored in found.items():
            rows.setdefault(row, []).append(scored)
        if method:
            console.print(f"{name}, {method}, seed {seed}: {time.perf_counter() - start:.0f} s since the start")
    unit = context.held.unit
    side = "x".join(map(str, entries.shape[1:]))
    show(
        f"{name}, {side}, {bench.seeds} seeds; distances to {len(context.held.y)} test entries in units of {unit:.2f}",
        rows,
    )


def measure_forgetting(bench: Bench, name: str) -> None:
    """A generator that forgets a class next to one of the same loss that keeps it, of one data set."""
    context = _context(bench, name)
    table = Table(title=f"{name}: class {FORGETS.forget} forgotten, {bench.seeds} seeds", title_justify="left")
    for column in ("generator", "seen where asked for", "seen in all", "Frechet of others", "others as asked"):
        table.add_column(column, justify="left" if column == "generator" else "right")
    for method in (KEEPS, FORGETS):
        runs = [(seed, method) for seed in range(bench.seeds)]
        found = parallel_map(_forgetting, context, runs, jobs=bench.jobs or default_jobs())
        table.add_row(f"{method.name}, {bench.steps} updates", *map(mean_and_deviation, zip(*found, strict=True)))
    console.print(table)


def _forgetting(context: Context, run: tuple[int, MethodConfig]) -> tuple[float, float, float, float]:
    """Share seen as the forgotten class where it is asked for and in all; distance and agreement of other classes."""
    (seed, method), held, entries = run, context.held, context.entries
    config, draws = GenerateConfig(steps=context.bench.steps), stream(seed, "generate")
    made = distill_generator(context.teachers[seed][0], entries, method, config, generator=draws)
    asked = torch.arange(entries.num_classes).repeat(SEEN)
    seen = (held.classify(made.draw(asked, generator=stream(seed, "drawn to classify"))) == FORGETS.forget).float()
    others = held.y != FORGETS.forget
    y, real = held.y[others], held.features[others]
    unit = statistics.fmean(frechet_distance(held.embed(real_entries(entries, y, draw)), real) for draw in range(DRAWS))
    drawn = [made.draw(y, generator=stream(seed, "drawn to measure", draw)) for draw in range(DRAWS)]
    return (
        float(seen[asked == FORGETS.forget].mean()),
        float(seen.mean()),
        statistics.fmean(frechet_distance(held.embed(z), real) for z in drawn) / unit,
        statistics.fmean(float((held.classify(z) == y).float().mean()) for z in drawn),
    )


def show(title: str, rows: Mapping[str, Sequence[tuple[Scored, float]]]) -> None:
    """Print measures of every row, mean and standard deviation over seeds."""
    table = Table(title=title, title_justify="left")
    for column in ("source", "accuracy", *MEASURES, "evals", "ms", "kB", "s"):
        table.add_column(column, justify="left" if column == "source" else "right")
    for name, scored in rows.items():
        first = scored[0][0]
        cells = [mean_and_deviation([accuracy for _, accuracy in scored])]
        cells += [mean_and_deviation([s.measures[measure] for s, _ in scored]) for measure in MEASURES]
        drawn = first.evaluations > 0
        cells.append(str(first.evaluations) if drawn else "")
        cells.append(f"{statistics.median(s.milliseconds for s, _ in scored):.1f}" if drawn else "")
        cells.append("" if first.nbytes is None else f"{first.nbytes / 1000:,.0f}")
        cells.append(f"{statistics.fmean(s.seconds for s, _ in scored):.0f}" if drawn else "")
        table.add_row(name, *cells)
    console.print(table)


def _context(bench: Bench, name: str) -> Context:
    """The data set, the classifier of measures and all teachers."""
    start = time.perf_counter()
    data: Any = load(name, bench.root)
    large = isinstance(data, ImageDataset) and max(data.images.shape[2:]) > bench.image_size
    entries = entries_of(resized(data, bench.image_size if large else 0))
    context = Context(bench, entries, held_out(entries))
    teachers = parallel_map(_teacher, context, range(bench.seeds), jobs=bench.jobs or default_jobs())
    context = replace(context, teachers=list(teachers))
    console.print(f"{name}: {bench.seeds} teachers after {time.perf_counter() - start:.0f} s")
    return context


def _teacher(context: Context, seed: int) -> tuple[Denoiser, float]:
    folder: Path | None = context.bench.teachers
    place = None if folder is None else folder / f"{context.entries.data.name.replace('/', '-')}" / str(seed)
    return saved_teacher(context.entries, place, TeacherConfig(), seed=seed, device=context.bench.torch_device)


def _run(context: Context, run: tuple[int, str, int]) -> dict[str, tuple[Scored, float]]:
    """Scores by row, and the accuracy of a network on what is drawn, of one method and seed or of all else."""
    seed, method, count = run
    (teacher, seconds), entries = context.teachers[seed], context.entries
    if not method:
        found = score_teacher(entries, context.held, teacher, seconds=seconds, seed=seed)
    else:
        config = GenerateConfig(steps=context.bench.steps, sampling_steps=count)
        device = context.bench.torch_device
        _, scored = score_method(entries, context.held, teacher, method, config, seed=seed, device=device)
        found = {f"{method}, {scored.evaluations} evaluation{'s' * (scored.evaluations > 1)}": scored}
    protocol = protocol_of(entries)
    return {name: (s, protocol.score(protocol.train(s.drawn, seed)[0], "test")) for name, s in found.items()}
