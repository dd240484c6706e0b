"""What ``python -m graphdistill.generate`` does: train a teacher, distil it, draw, measure, train on it, report."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch
from rich.table import Table
from rich.text import Text

from graphdistill.core.command.deliver import deliver, facts_of
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.command.report import Report, Row, frame, spread
from graphdistill.core.data.datasets import Dataset, ImageDataset
from graphdistill.core.data.images import in_shape
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.rows import Plan, baseline_rows, train_plans
from graphdistill.core.evaluation.tables import TableProtocol
from graphdistill.core.parallel import parallel_map
from graphdistill.datasets import load
from graphdistill.generate.config import Command, GenerateConfig
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.evaluate import (
    DISTILLED,
    REAL,
    START,
    Scored,
    score_method,
    score_teacher,
    teacher_of,
    traces_of,
)
from graphdistill.generate.figure import draw_map, draw_measures, draw_samples, draw_traces
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.measures import HeldOut, held_out
from graphdistill.generate.methods import FAMILY
from graphdistill.generate.space import Entries, entries_of
from graphdistill.generate.storage import as_stored, card_facts, load_generator, save_generator
from graphdistill.generate.teacher import TeacherConfig

SHOWN = ("Frechet", "spread", "precision", "recall", "as asked")
"""Measures in the table; results.json and results.csv have all."""


def main(command: Command) -> None:
    """Load, train, distil, draw, report."""
    with command.working() as bars:
        with bars.step(f"loading {command.dataset}"):
            data = resized(load(command.dataset, command.root, seed=command.seed), command.image_size)
            entries = entries_of(data)
        FAMILY.check(command.method, entries.kind)
        command = replace(command, method=FAMILY.config(command.method))
        with bars.step("training the classifier of measures"):
            held = held_out(entries)
        context = command, entries, held, bars
        seeds = range(command.seed, command.seed + command.seeds)
        jobs = min(command.num_jobs, command.seeds)
        found = list(bars.track(parallel_map(_seed, context, seeds, jobs=jobs), "distilling", len(seeds)))
        report = _report(command, entries, held, [scores for _, _, scores in found], bars)
    # The first row is that of the generator; its validation scores are those of networks that train on what it draws.
    best = max(range(len(found)), key=lambda i: report.rows[0].valid[i])
    teacher, made, scores = found[best]

    def write(folder: Path) -> None:
        card = {
            "dataset": data.name,
            "method": FAMILY.name_of(command.method),
            "evaluations": made.evaluations,
            **{name: round(value, 4) for name, value in scores[DISTILLED].measures.items()},
        }
        save_generator(made, folder, card=card)
        draw_measures(report, folder / "figure.png")
        sources = {name: scored.drawn for name, scored in scores.items()}
        draw = draw_samples if entries.kind == "images" else draw_map
        draw(sources, report.title, folder / "samples.png")
        if entries.kind == "images":
            draw_traces(traces_of(teacher, made, entries), report.title, folder / "steps.png")

    deliver(command, report, table(report), write)


def resized(data: Dataset, size: int) -> Dataset:
    """Images of another height and width; other data, and size 0, stay."""
    if not size or not isinstance(data, ImageDataset):
        return data
    return replace(data, images=in_shape(data.images, (data.images.shape[1], size, size)))


def _seed(
    context: tuple[Command, Entries, HeldOut, Progress], seed: int
) -> tuple[Denoiser, Generator, dict[str, Scored]]:
    """Teacher, generator and scores of a seed."""
    command, entries, held, bars = context
    bars = bars if command.seeds == 1 else NO_PROGRESS
    config = GenerateConfig(**{f.name: getattr(command, f.name) for f in fields(GenerateConfig)})
    folder = None if command.teacher is None else command.teacher / str(seed)
    training = TeacherConfig(steps=command.teacher_steps)
    teacher, seconds = saved_teacher(entries, folder, training, seed=seed, device=command.torch_device, progress=bars)
    made, scored = score_method(
        entries, held, teacher, command.method, config, seed=seed, device=command.torch_device, progress=bars
    )
    return teacher, made, {DISTILLED: scored, **score_teacher(entries, held, teacher, seconds=seconds, seed=seed)}


def saved_teacher(
    entries: Entries,
    folder: Path | None,
    config: TeacherConfig,
    *,
    seed: int,
    device: torch.device,
    progress: Progress = NO_PROGRESS,
) -> tuple[Denoiser, float]:
    """The teacher in a folder, which is trained and written there if it is not; and the seconds of its training.

    Args:
        entries: the data.
        folder: the folder. (default: it is trained, and not kept)
        config: the training.
        seed: seed of all randomness.
        device: device of the training.
        progress: shows a bar.

    Raises:
        ValueError: the folder has the teacher of other data or of another training.
    """
    identity = {"dataset": entries.data.name, "data": entries.data.digest, **asdict(config), "seed": seed}
    if folder is not None and (folder / "card.json").is_file():
        loaded, card = load_generator(folder), card_facts(folder)
        for name, value in identity.items():
            if card.get(name) != value:
                raise ValueError(
                    f"the teacher in {folder} was trained with {name} {card.get(name)!r}, not {value!r}; give another "
                    "folder"
                )
        model: Any = loaded.models[0]
        return model, float(card.get("seconds", 0))
    made, seconds = teacher_of(entries, config, seed=seed, device=device, progress=progress)
    # A teacher that was loaded and one that was trained are the same to the bit.
    whole = as_stored(Generator(made.cpu(), [Step(sigma=START)], entries.space))
    if folder is not None:
        save_generator(whole, folder, card={**identity, "seconds": seconds})
    return made, seconds


def _report(
    command: Command, entries: Entries, held: HeldOut, results: Sequence[dict[str, Scored]], bars: Progress
) -> Report:
    """All rows: what each source draws, measured and trained on."""
    method = FAMILY.config(command.method)
    options = {"device": command.torch_device, "jobs": command.num_jobs, "progress": bars}
    protocol = protocol_of(entries, trainings=command.trainings, **options)
    names = [name for name in results[0] if name != REAL]
    budget = results[0][DISTILLED].nbytes or 0
    whole = protocol.full()
    plans = [Plan(name, [scores[name].drawn for scores in results]) for name in names]
    if budget < (whole.nbytes or 0):
        plans.append(Plan(f"random {protocol.UNIT}, equal bytes", protocol.random_sets(budget, command.seeds)))
    trained = train_plans(protocol, [*plans, Plan(REAL, [whole])])
    rows = []
    for row in (_by_set(row, command.trainings) for row in trained):
        if row.name not in results[0]:
            rows.append(row)
            continue
        scored = [scores[row.name] for scores in results]
        others = {name: tuple(s.measures[name] for s in scored) for name in scored[0].measures}
        if row.name != REAL:
            others["evaluations"] = tuple(float(s.evaluations) for s in scored)
            others["milliseconds"] = tuple(s.milliseconds for s in scored)
        rows.append(
            replace(
                row,
                others=others,
                nbytes=whole.nbytes if row.name == REAL else scored[0].nbytes,
                distill_seconds=None if row.name == REAL else statistics.fmean(s.seconds for s in scored),
            )
        )
    rows += baseline_rows(replace(protocol, trainings=command.seeds), [scores[DISTILLED].drawn for scores in results])
    what = "vectors" if entries.kind == "graphs" else protocol.UNIT
    slow, fast = (results[0][name] for name in (names[1], DISTILLED))
    notes = [
        f"Frechet: distance to {len(held.y):,} test {what} in features of a fixed classifier, in units of that of as "
        f"many real training {what} ({held.unit:.2f}). Spread: standard deviation within a class. Precision and "
        f"recall: shares of drawn {what} among real ones and of real ones among drawn ones. As asked: seen by the "
        "classifier as the class that was asked for, which a collapsed generator does best.",
        f"{protocol.metric}: {protocol.networks[0]} trained on as many drawn {what} as there are training {what}, "
        f"tested on real ones, the mean of {command.trainings} trainings for each seed. "
        f"Drawing is {slow.milliseconds / max(fast.milliseconds, 1e-9):.0f} times as fast as the teacher in "
        f"{slow.evaluations} evaluations.",
        f"All the training {what} take {whole.nbytes or 0:,} bytes"
        + (", fewer than the generator." if budget >= (whole.nbytes or 0) else "."),
        f"Vectors are {entries.shape[0]} components of the counts of computation trees; a set of graphs that is drawn "
        "holds the real training graphs with the nearest vectors."
        if entries.kind == "graphs"
        else "",
        f"No claim of privacy: a generator can repeat training {what}.",
        "Saved: the generator on whose draws a network is best on validation." if command.seeds > 1 else "",
        str(entries.data.notes),
    ]
    facts: dict[str, Any] = {
        **facts_of(command),
        "training_bytes": whole.nbytes,
        "unit_of_distance": held.unit,
        "paper": FAMILY.about(method.name)[1],
    }
    return Report(
        title=f"{method.name} on {entries.data.name}, {fast.evaluations} evaluation{'s' * (fast.evaluations != 1)}",
        metric=protocol.metric,
        rows=tuple(rows),
        facts=facts,
        notes=tuple(filter(None, notes)),
        unit=what,
    )


def _by_set(row: Row, trainings: int) -> Row:
    """A row with the mean score over the trainings on each set."""

    def means(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(statistics.fmean(values[i : i + trainings]) for i in range(0, len(values), trainings))

    return replace(row, test=means(row.test), valid=means(row.valid))


def protocol_of(entries: Entries, **options: Any) -> ImageProtocol | TableProtocol:
    """How networks are trained on what is drawn: a ConvNet on images, an MLP on rows and on vectors of graphs."""
    return (ImageProtocol if entries.kind == "images" else TableProtocol)(entries.data, **options)


def table(report: Report) -> Table:
    """One line per source: accuracy of a network trained on it, measures, evaluations, time, bytes and seconds."""
    shown = frame(report)
    shown.padding = 0
    shown.add_column("source", no_wrap=False)
    headers = (
        "accu-\nracy" if report.metric == "accuracy" else report.metric,
        "Fre-\nchet",
        "spread",
        "preci-\nsion",
        "recall",
        "as\nasked",
    )
    for header in (*headers, "eval-\nuations", "ms per\n1,000", "kB", "s"):
        shown.add_column(header, justify="right")
    for row in report.rows:
        measures = [spread(row.others[name]) if name in row.others else "" for name in SHOWN]
        count = f"{row.others['evaluations'][0]:.0f}" if "evaluations" in row.others else ""
        times = f"{statistics.fmean(row.others['milliseconds']):.1f}" if "milliseconds" in row.others else ""
        size = "" if row.nbytes is None else f"{row.nbytes / 1000:,.1f}"
        seconds = "" if row.distill_seconds is None else f"{row.distill_seconds:.0f}"
        shown.add_row(Text(row.name), spread(row.test), *measures, count, times, size, seconds)
    return shown
