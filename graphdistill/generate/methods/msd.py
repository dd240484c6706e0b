r"""Multi-student distillation: a student for each set of classes, smaller than the teacher where wanted.

.. math:: x = G_{k(y)}(z, y), \qquad k(y) \text{ the student of the set that class y is in}

Each student learns by distribution matching (:mod:`graphdistill.generate.methods.dmd2`) on its own classes. Smaller
ones cannot begin as copies of the teacher, and first match its scores at noisy real entries:

.. math:: E\ (\sigma^{-2} + \sigma_d^{-2})\, \| D_k(x_\sigma, \sigma, y) - D_\phi(x_\sigma, \sigma, y) \|^2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from graphdistill.core.methods import Result
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import Training, train
from graphdistill.generate.context import Context
from graphdistill.generate.denoiser import Denoiser, add_noise
from graphdistill.generate.ema import EMA
from graphdistill.generate.generator import Generator
from graphdistill.generate.methods import dmd2
from graphdistill.generate.space import Kind

PAPER = "MSD: Song et al., 2024, https://arxiv.org/abs/2410.23274"
RESULT = Result(
    paper="FID 1.20 on ImageNet-64 with four students of the teacher's size (from its abstract)",
    ours="digits: Frechet 1.305 ± 0.267 times that of real images by two students that share the updates of one, dmd2 "
    "1.157 ± 0.193 "
    "(teacher 1.481 ± 0.183 in 49 evaluations, 2.560 ± 0.016 in one)",
    command="python -m graphdistill.bench generate --parts sources --datasets digits --methods dmd2 msd",
    differs="The updates of one student are shared among all, so that students cost bytes, but no time.",
    instead="dmd2 where the time of training counts: one student with all the updates is better.",
)
FOR: tuple[Kind, ...] = ("images", "rows", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(dmd2.Config):
    """Options of multi-student distillation."""

    students: int = 2
    """Number of students, which share --steps; each gets as many consecutive classes."""
    width: int = 0
    """Width of the students' layers (default: the teacher's)."""
    matching_steps: int = 1000
    """Updates, in all, in which students of another width match the teacher's scores first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.students < 1 or self.matching_steps < 1:
            raise ValueError(
                f"--students and --matching-steps must be 1 or more, got {self.students} and {self.matching_steps}"
            )
        if self.width < 0:
            raise ValueError(f"--width must be 0 or more, got {self.width}")


def partition(num_classes: int, parts: int) -> list[list[int]]:
    """Consecutive classes in sets of sizes that differ by 1 at most.

    Example:
        >>> partition(5, 2)
        [[0, 1], [2, 3, 4]]
    """
    cuts = [num_classes * number // parts for number in range(parts + 1)]
    return [list(range(first, last)) for first, last in pairwise(cuts)]


def match_teacher(context: Context, width: int, steps: int, classes: Sequence[int]) -> Denoiser:
    """A denoiser of another width that returns what the teacher returns at noisy real entries of some classes.

    Args:
        context: teacher, data and training.
        width: width of its layers.
        steps: number of updates.
        classes: classes of the entries.
    """
    teacher, draws = context.teacher, context.stream("matching the teacher", *classes)
    network: Any = teacher.network
    with scoped(context.seed, "smaller student", *classes):
        small = replace(network.config, width=width).build(teacher.shape, teacher.num_classes)
    student = Denoiser(small, teacher.schedule).to(context.device).train()
    mean = EMA(student, context.config.ema)

    def loss(step: int) -> Tensor:
        x, y = context.batch(draws, classes)
        sigma = teacher.schedule.lognormal(len(y), generator=draws).to(x.device)
        noisy = add_noise(x, sigma, draws)
        with torch.no_grad():
            target = teacher(noisy, sigma, y)
        return teacher.schedule.distance(student(noisy, sigma, y), target, sigma)

    # Weights that begin at random take longer steps than those that begin as the teacher's.
    optimizer = torch.optim.Adam(student.parameters(), lr=3 * context.config.lr)
    training: Training[int] = Training(student, optimizer, loss, after_step=lambda step, value: mean.update(student))
    train(training, lambda step: [step], steps, progress=context.progress, label="matching the teacher")
    return mean.module


def distill(context: Context, config: Config) -> Generator:
    """The students, and the route from classes to them.

    Raises:
        ValueError: more students than classes or updates.
    """
    steps, classes = context.config.steps, context.teacher.num_classes
    if config.students > min(classes, steps):
        raise ValueError(
            f"--students must be at most the number of classes, {classes}, and of --steps, {steps}, "
            f"got {config.students}"
        )
    own = replace(context, config=replace(context.config, steps=steps // config.students))
    matching = max(1, config.matching_steps // config.students)
    students, route, made = [], [], None
    for number, part in enumerate(partition(classes, config.students)):
        initial = match_teacher(own, config.width, matching, part) if config.width else context.teacher
        made = dmd2.match(own, config, initial, part)
        students.append(made.models[0])
        route += [number] * len(part)
    assert made is not None
    return Generator([m for m in students if isinstance(m, Denoiser)], made.steps, context.space, route=route)
