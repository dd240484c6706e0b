"""A teacher, its generator and real data side by side: measures of what they draw, evaluations, time and bytes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator as stream
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.generate.config import GenerateConfig
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.distill import distill_generator
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.measures import HeldOut, real_entries
from graphdistill.generate.sampling import evaluations, sample_ode
from graphdistill.generate.space import Entries
from graphdistill.generate.storage import stored_bytes
from graphdistill.generate.teacher import TeacherConfig, train_teacher

REAL, CONTROL, DISTILLED = "real entries", "teacher in one step", "distilled generator"
START = 2.5
"""Noise level of the teacher in one step, that of the generators that score distillation begins with."""
TEACHER_STEPS = (25, 5)
TRACED = 10
"""Classes whose steps are shown."""
TIMED = 1000
"""Entries whose drawing is timed."""


@dataclass(frozen=True)
class Scored:
    """What a source of entries draws, and what that costs.

    Attributes:
        drawn: a set as large as the training split, to train on.
        measures: measures of as many entries as are held out, by name.
        evaluations: evaluations of a network for an entry.
        milliseconds: time of drawing 1,000 entries on one thread.
        seconds: seconds of making the source.
        nbytes: stored bytes of the source; ``None`` for real entries.
    """

    drawn: SyntheticSet
    measures: Mapping[str, float]
    evaluations: int
    milliseconds: float
    seconds: float
    nbytes: int | None


Draw = Callable[[Tensor, torch.Generator], Tensor]


def teacher_of(
    entries: Entries, config: TeacherConfig, *, seed: int, device: torch.device, progress: Progress = NO_PROGRESS
) -> tuple[Denoiser, float]:
    """The trained teacher of a seed, and the seconds of its training."""
    start = time.perf_counter()
    teacher = train_teacher(entries, config, seed=seed, device=device, progress=progress)
    return teacher, time.perf_counter() - start


def score_teacher(
    entries: Entries, held: HeldOut, teacher: Denoiser, *, seconds: float = 0.0, seed: int = 0
) -> dict[str, Scored]:
    """Scores of a teacher in many steps, in a few and in one, and of real entries, by row.

    Args:
        entries: the data.
        held: what drawn entries are compared with.
        teacher: the teacher, which is moved to the CPU.
        seconds: seconds of its training.
        seed: seed of all randomness.
    """
    model = teacher.cpu()
    whole = Generator(model, [Step(sigma=START)], entries.space)
    size, found = stored_bytes(whole), dict[str, Scored]()
    for steps in TEACHER_STEPS:
        count = evaluations(steps)
        name = f"teacher, {count} evaluations"
        found[name] = _score(_sampler(model, steps), entries, held, seed, count, seconds, size)
    found[CONTROL] = _score(_drawer(whole), entries, held, seed, 1, seconds, size)
    found[REAL] = _score(lambda y, _: real_entries(entries, y, seed), entries, held, seed)
    return found


def score_method(
    entries: Entries,
    held: HeldOut,
    teacher: Denoiser,
    method: str | MethodConfig,
    config: GenerateConfig,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Progress = NO_PROGRESS,
) -> tuple[Generator, Scored]:
    """Distil a teacher with one seed, and score the generator.

    Args:
        entries: the data.
        held: what drawn entries are compared with.
        teacher: the teacher.
        method: name of the method, or its config.
        config: training of the generator.
        seed: seed of all randomness.
        device: device of the training; drawing is measured on the CPU.
        progress: shows bars.
    """
    start = time.perf_counter()
    draws = stream(seed, "generate")
    made = distill_generator(teacher, entries, method, config, generator=draws, device=device, progress=progress)
    spent = time.perf_counter() - start
    return made, _score(_drawer(made), entries, held, seed, made.evaluations, spent, stored_bytes(made))


def traces_of(teacher: Denoiser, made: Generator, entries: Entries) -> dict[str, list[Tensor]]:
    """What each step of the teacher and of the generator implies for an entry of each class, in the data's unit."""
    y = torch.arange(min(entries.num_classes, TRACED))
    slow: list[Tensor] = []
    sample_ode(teacher.cpu(), y, TEACHER_STEPS[0], generator=stream(0, "traces"), trace=slow)
    fast: list[Tensor] = []
    draws = stream(0, "traces")
    with torch.no_grad():
        made.eval()(made.start(y, draws), y, draws, trace=fast)
    values = entries.space.values
    return {"teacher": [values(z) for z in slow], "generator": [values(z) for z in fast]}


def _drawer(generator: Generator) -> Draw:
    return lambda y, draws: generator.draw(y, generator=draws)


def _sampler(model: Denoiser, steps: int) -> Draw:
    return lambda y, draws: sample_ode(model, y, steps, generator=draws)


def _score(
    draw: Draw,
    entries: Entries,
    held: HeldOut,
    seed: int,
    count: int = 0,
    seconds: float = 0.0,
    nbytes: int | None = None,
) -> Scored:
    """Draw, measure and time."""
    labels = entries.split("train")[1]
    drawn = draw(labels, stream(seed, "drawn to train on"))
    measured = held.measure(draw(held.y, stream(seed, "drawn to measure")), held.y)
    timed = labels.repeat(-(-TIMED // len(labels)))[:TIMED]
    times = []
    for repeat in range(3 if count else 0):
        start = time.perf_counter()
        draw(timed, stream(repeat, "drawn to time"))
        times.append(1000 * (time.perf_counter() - start))
    spent = statistics.median(times) if times else 0.0
    return Scored(entries.drawn(drawn, labels), measured, count, spent, seconds, nbytes)
