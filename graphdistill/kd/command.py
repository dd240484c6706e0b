"""What ``python -m graphdistill.kd`` does: train a teacher, distil it into a student, report accuracy and cost."""

from __future__ import annotations

import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from torch import Tensor

from graphdistill.core.command.deliver import deliver, facts_of
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.command.report import Report, Row, frame, shown_seconds, spread
from graphdistill.core.evaluation.paired import paired
from graphdistill.core.methods import options_of
from graphdistill.core.parallel import parallel_map
from graphdistill.core.training.metrics import with_label
from graphdistill.datasets import UnknownDatasetError, load, load_domains
from graphdistill.kd.architectures.space import sizes_text
from graphdistill.kd.asking import Asked, ask_teacher, check_asking, draw_asking, explained
from graphdistill.kd.config import Command, training_of
from graphdistill.kd.data.kinds import few_labels, readable, view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.evaluate import LABELS, UNTRAINED, Scored, build, latency, network_bytes, score_seed, trivial
from graphdistill.kd.figure import draw
from graphdistill.kd.methods import FAMILY, compared_with, default_student, needs_teacher
from graphdistill.kd.storage import save_network
from graphdistill.kd.teachers.ensemble import MeanTeachers
from graphdistill.kd.teachers.sources import default_sources, source_view


def main(command: Command) -> None:
    """Load, train the teacher, distil, report."""
    with command.working() as bars:
        with bars.step(f"loading {command.dataset}"):
            view = _view(command, command.seed)
        FAMILY.check(command.method, view.KIND)
        # From here on the method is imported.
        method = FAMILY.config(command.method)
        command = replace(command, method=method, student=command.student or default_student(method, view.KIND))
        if command.teacher and not needs_teacher(method):
            raise ValueError(f"--teacher {command.teacher[0]}: {method.name} trains without a teacher; leave it out")
        command = replace(command, teacher=_teachers(command, view), sources=_sources(command))
        _source_views(command, view, command.seed)
        if hasattr(FAMILY.module(command.method), "check"):
            FAMILY.module(command.method).check(view, command.method)  # fails before any training, too
        if command.ask:
            check_asking(view)
            if not needs_teacher(method):
                raise ValueError(f"--ask: {method.name} trains without a teacher that could be asked; leave it out")
        student = build(view, command.student, "student", command.seed)
        teachers = [build(view, name, "teacher", command.seed) for name in command.teacher]
        if hasattr(FAMILY.module(command.method), "check_networks"):
            teacher = teachers[0] if len(teachers) == 1 else MeanTeachers(teachers)
            FAMILY.module(command.method).check_networks(student, teacher, view, method)
        seeds = range(command.seed, command.seed + command.seeds)
        found = parallel_map(_score_seed, (command, view, bars), seeds, jobs=command.num_jobs)
        scored = list(bars.track(found, "seeds", len(seeds)))
    names = _names(command, view, list(scored[0]))
    asked = _asked(command, view, scored)
    report = _report(command, view, scored, names, asked)
    best = max(range(len(scored)), key=lambda i: scored[i][FAMILY.name_of(command.method)].valid)
    logits = _test_logits(view, scored[0], names)

    def write(folder: Path) -> None:
        chosen = scored[best][FAMILY.name_of(command.method)]
        card = {
            "dataset": view.name,
            "method": FAMILY.name_of(command.method),
            "options": options_of(FAMILY.config(command.method)),
            "teacher": names["teacher"].removeprefix("teacher ") if "teacher" in names else None,
            "student": names[UNTRAINED].partition(",")[0],
            "seed": command.seed + best,
            "valid": chosen.valid,
            "metric": view.metric,
        }
        if chosen.architecture:
            card["architecture"] = dict(chosen.architecture)
        save_network(chosen.network, folder, card=card)
        draw(report, logits, folder / "figure.png")
        if command.ask:
            draw_asking(asked, report.title, folder / "asking.png")

    deliver(command, report, table(report), write)


def _view(command: Command, seed: int) -> View:
    if command.domains:
        try:
            data, domain = load_domains([command.dataset, *command.domains], command.root, seed=seed)
        except UnknownDatasetError as error:
            option = "--dataset" if error.name == command.dataset else "--domains"
            raise ValueError(str(error).replace("name=", f"{option} ", 1)) from None
    else:
        kinds = FAMILY.kinds(FAMILY.name_of(command.method))
        data, domain = readable(load(command.dataset, command.root, seed=seed, **command.columns), kinds), None
    labelled = None if command.labels is None else few_labels(data, command.labels, seed)
    return view_of(data, command.torch_device, labelled, domain)


def _teachers(command: Command, view: View) -> tuple[str, ...]:
    """Networks of the teachers; a method may want several of different seeds where one network is named."""
    names = command.teacher or (next(iter(view.TEACHERS)),)
    return names if len(names) > 1 else names * getattr(command.method, "ensemble", 1)


def _sources(command: Command) -> tuple[str, ...]:
    """Data sets of the teachers, if they are others."""
    wanted = getattr(FAMILY.module(command.method), "FROM_SOURCES", False)
    return command.sources or (default_sources(command.dataset) if wanted else ())


def _source_views(command: Command, view: View, seed: int) -> list[View]:
    return [source_view(name, view, command.root, seed) for name in command.sources]


def _score_seed(context: tuple[Command, View, Progress], seed: int) -> dict[str, Scored]:
    """All rows of one seed, with its own split where the data have no fixed one."""
    command, first, bars = context
    view = first if seed == command.seed else _view(command, seed)
    return score_seed(
        view,
        command.method,
        training_of(command),
        teacher=command.teacher,
        student=command.student,
        sources=_source_views(command, view, seed),
        seed=seed,
        progress=bars if command.num_jobs == 1 else NO_PROGRESS,
    )


def _names(command: Command, view: View, rows: list[str]) -> dict[str, str]:
    """Name in the report of each row."""
    student = command.student or next(iter(view.STUDENTS))
    counts = {name: command.teacher.count(name) for name in command.teacher}
    teachers = " + ".join(f"{count} {name}" if count > 1 else name for name, count in counts.items())
    count = len(command.sources)
    teacher = f"teacher {teachers}" + (f" of {count} source{'s'[: count > 1]}" if count else "")
    return {row: teacher if row == "teacher" else f"{student}, {row}" for row in rows}


def _test_logits(view: View, scored: dict[str, Scored], names: dict[str, str]) -> dict[str, tuple[Tensor, Tensor]]:
    """Test logits and labels of the networks of one seed, without the untrained one."""
    y = view.labels(view.data.test)
    shown = {names[row]: s.network for row, s in scored.items() if row != UNTRAINED}
    return {name: with_label(view.logits(network, "test"), y) for name, network in shown.items()}


def _asked(command: Command, view: View, scored: list[dict[str, Scored]]) -> list[list[Asked]]:
    """What the student of each seed gains by asking its teacher; nothing where no shares are wished."""
    if not command.ask:
        return []
    views = [view if not place else _view(command, command.seed + place) for place in range(len(scored))]
    name = FAMILY.name_of(command.method)
    return [
        ask_teacher(own, seed[name].network, seed["teacher"].network, command.ask)
        for own, seed in zip(views, scored, strict=True)
    ]


def _report(
    command: Command,
    view: View,
    scored: list[dict[str, Scored]],
    names: dict[str, str],
    asked: list[list[Asked]],
) -> Report:
    """Rows of all networks, and of the majority class."""
    method = FAMILY.config(command.method)
    rows, times = [], {}
    for row, name in names.items():
        of = [seed[row] for seed in scored]
        times[name] = latency(view, of[0].network)
        rows.append(
            Row(
                name=name,
                group=None,
                test=tuple(s.test for s in of),
                valid=() if row == UNTRAINED else tuple(s.valid for s in of),
                others={
                    "calibration error": tuple(s.calibration for s in of),
                    **({} if view.domain is None else {"worst domain": tuple(s.worst_domain for s in of)}),
                },
                nbytes=network_bytes(of[0].network),
                train_seconds=None if row == UNTRAINED else statistics.fmean(s.seconds for s in of),
            )
        )
    rows.append(Row(name="majority class", group=None, test=(trivial(view),)))
    differences = {
        other: paired([s[method.name].test for s in scored], [s[other].test for s in scored])
        for other in (LABELS, *compared_with(method))
        if other != method.name
    }
    notes = [
        f"{method.name} over {other} in {view.metric}: {found.explained()}" for other, found in differences.items()
    ]
    notes += [
        ("One teacher a seed; all" if "teacher" in names else "All")
        + " students begin with the same weights and take the same steps. Checkpoints are chosen on validation, test "
        "is scored once.",
        f"The teachers are trained on {', '.join(command.sources)}." if command.sources else "",
        "The teacher has more labels than the students." if hasattr(FAMILY.module(method), "student_view") else "",
        *_found(scored, method.name),
        *explained(asked),
        f"Saved: the student of {method.name} that is best on validation.",
        str(view.data.notes),
    ]
    facts: dict[str, Any] = {
        **facts_of(command),
        "milliseconds": times,
        "paired": {other: asdict(found) for other, found in differences.items()},
        **({"ask": [[asdict(found) for found in seed] for seed in asked]} if asked else {}),
        "paper": FAMILY.about(method.name)[1],
    }
    return Report(
        title=f"{method.name} on {view.name}: "
        + (f"{names['teacher'].removeprefix('teacher ')} to " if "teacher" in names else "")
        + names[LABELS].partition(",")[0],
        metric=view.metric,
        rows=tuple(rows),
        facts=facts,
        notes=tuple(filter(None, notes)),
        unit=view.KIND,
    )


def _found(scored: list[dict[str, Scored]], method: str) -> list[str]:
    """What a method chose that searches a student, a note for all seeds."""
    sizes = [sizes_text(seed[method].architecture) for seed in scored]
    return [f"Students that {method} found, by seed: {'; '.join(sizes)}."] if any(sizes) else []


def table(report: Report) -> Table:
    """One line per network: its bytes, test metric, calibration error, milliseconds and seconds of training."""
    times = report.facts["milliseconds"]
    assert isinstance(times, dict)
    shown = frame(report, over=f"{max(len(row.test) for row in report.rows)} seeds")
    shown.padding = 0
    shown.add_column("network", no_wrap=True)
    others = list(report.rows[0].others)
    extra = [name.replace(" ", "\n") for name in others]
    for header in ("bytes", report.metric, *extra, "one,\nms", "in batch,\nµs", "train\ns"):
        shown.add_column(header, justify="right")
    for row in report.rows:
        time = times.get(row.name, {})
        shown.add_row(
            Text(row.name),
            "" if row.nbytes is None else f"{row.nbytes:,}",
            spread(row.test),
            *[spread(row.others[name]) if name in row.others else "" for name in others],
            f"{time['one']:.2f}" if time else "",
            f"{1000 * time['in a batch']:.2f}" if time else "",
            shown_seconds(row),
        )
    return shown
