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
    """The trained teacher of a seed, and the seconds that its training took."""
    start = time.perf_counter()
    teacher = train_teacher(entries, config, seed=seed, device=device, progress=progress)
    return teacher, time.perf_counter() - start


def score_generator(
    entries: Entries,
    held: HeldOut,
    teacher: tuple[Denoiser, float],
    method: str | MethodConfig,
    config: GenerateConfig,
    *,
    seed: int = 0,
    device: torch.device,
    progress: Progress = NO_PROGRESS,
) -> tuple[Generator, dict[str, Scored]]:
    """Distil a teacher with one seed, and score it, the generator and real entries.

    Args:
        entries: the data.
        held: what drawn entries are compared with.
        teacher: the teacher, and the seconds that it took.
        method: name of the method, or its config.
        config: training of the generator.
        seed: seed of all randomness.
        device: device of the networks.
        progress: shows bars.

    Returns:
        The generator, and scores by row.
    """
    model, seconds = teacher
    start = time.perf_counter()
    made = distill_generator(
        model, entries, method, config, generator=stream(seed, "generate"), device=device, progress=progress
    )
    spent = time.perf_counter() - start
    whole = Generator(model.cpu(), [Step(sigma=START)], entries.space)
    size = stored_bytes(whole)
    found: dict[str, Scored] = {DISTILLED: _score(_drawer(made), entries, held, made.evaluations, spent, seed, made)}
    for steps in TEACHER_STEPS:
        count = evaluations(steps)
        found[f"teacher, {count} evaluations"] = _score(
            _sampler(model, steps), entries, held, count, seconds, seed, size
        )
    found[CONTROL] = _score(_drawer(whole), entries, held, 1, seconds, seed, size)
    found[REAL] = _score(lambda y, _: real_entries(entries, y, seed), entries, held, 0, 0.0, seed, None)
    return made, found


def _drawer(generator: Generator) -> Draw:
    return lambda y, draws: generator.draw(y, generator=draws)


def _sampler(model: Denoiser, steps: int) -> Draw:
    return lambda y, draws: sample_ode(model, y, steps, generator=draws)


def _score(
    draw: Draw,
    entries: Entries,
    held: HeldOut,
    count: int,
    seconds: float,
    seed: int,
    size: Generator | int | None,
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
    nbytes = stored_bytes(size) if isinstance(size, Generator) else size
    spent = statistics.median(times) if times else 0.0
    return Scored(entries.space.decode(drawn, labels), measured, count, spent, seconds, nbytes)
