"""Score distillation: a generator whose entries a teacher and a critic denoise alike, the critic trained along with it.

Shape legend: n entries of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from graphdistill.core.training.loop import Training, train
from graphdistill.generate.context import Context
from graphdistill.generate.denoiser import Denoiser, add_noise
from graphdistill.generate.ema import EMA
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.teacher import denoising_loss, hide_classes


@dataclass(frozen=True)
class Draw:
    """A batch of a generator and its noisy copies.

    Attributes:
        x: what the generator drew, ``[n, *shape]``.
        y: classes, long ``[n]``.
        target: classes of the teacher's score, long ``[n]``: those that are drawn, where none is overridden.
        noisy: x with noise.
        sigma: noise levels, ``[n]``.
        teacher: the teacher whose score is the target.
        critic: the denoiser of what the generator draws.
    """

    x: Tensor
    y: Tensor
    target: Tensor
    noisy: Tensor
    sigma: Tensor
    teacher: Denoiser
    critic: Denoiser


class Objective(Protocol):
    """The loss of a method of score distillation."""

    def generator_loss(self, draw: Draw) -> Tensor:
        """Loss of the generator, a mean over the batch."""
        ...


@dataclass(kw_only=True)
class ScoreTraining:
    """How a generator and its critic alternate.

    Attributes:
        objective: loss of the generator.
        critic_steps: updates of the critic for each of the generator. (default: 5)
        first, last: places of the noise levels of the generator's loss on the grid, from 0 to 1.
        critic_loss: adds to the critic's denoising loss, a function of drawn entries and classes. (default: nothing)
        critic: the critic, where it is not a copy of the teacher. (default: a copy)
        extra: parameters besides the critic's that train with it. (default: none)
        critic_lr: learning rate of the critic, as a multiple of the generator's. (default: 1)
        hidden: share of entries whose class is hidden from the critic, as guidance needs it. (default: 0)
        teacher_at: the teacher at a step, from 1. (default: the context's)
        classes: classes that are drawn. (default: all)
        override: classes of the teacher's score for classes that are drawn. (default: the same)
    """

    objective: Objective
    critic_steps: int = 5
    first: float = 0.0
    last: float = 0.9
    critic_loss: Callable[[Tensor, Tensor], Tensor] | None = None
    critic: Denoiser | None = None
    extra: Sequence[nn.Parameter] = ()
    critic_lr: float = 1.0
    hidden: float = 0.0
    teacher_at: Callable[[int], Denoiser] | None = None
    classes: Sequence[int] = ()
    override: Mapping[int, int] = field(default_factory=dict)


def distill_scores(context: Context, initial: Denoiser, levels: Sequence[float], how: ScoreTraining) -> Generator:
    """Train a generator by its scores.

    Args:
        context: teacher, data and training.
        initial: denoiser that the generator begins as; it is copied.
        levels: noise levels of the generator's steps. In training a step gets what the steps before it drew.
        how: objective and critic.

    Returns:
        The generator with the mean of its weights.
    """
    config, draws = context.config, context.stream("scores")
    student = initial.copy().to(context.device).train()
    generator = Generator(student, [Step(sigma=level) for level in levels], context.space)
    critic = (context.teacher.copy() if how.critic is None else how.critic).to(context.device).train()
    mean = EMA(student, config.ema)
    schedule, present = context.teacher.schedule, [context.teacher]
    classes = range(context.teacher.num_classes + 1)
    target = torch.tensor([how.override.get(label, label) for label in classes], device=context.device)

    def labels() -> Tensor:
        return context.labels(how.classes, draws)

    def drawn(y: Tensor) -> Tensor:
        step = int(torch.randint(len(levels), (), generator=draws)) if len(levels) > 1 else 0
        x = generator.start(y, draws)
        with torch.no_grad():
            for before, after in zip(generator.steps[:step], levels[1:], strict=False):
                x = generator.advance(x, y, before, after, draws)
        return generator.denoise(x, y, generator.steps[step])

    def generator_loss(y: Tensor) -> Tensor:
        x = drawn(y)
        sigma = schedule.uniform(len(y), generator=draws, first=how.first, last=how.last).to(x.device)
        noisy = add_noise(x, sigma, draws)
        return how.objective.generator_loss(Draw(x, y, target[y], noisy, sigma, present[0], critic))

    def critic_loss(y: Tensor) -> Tensor:
        with torch.no_grad():
            x = drawn(y)
        known = hide_classes(y, how.hidden, critic.num_classes, draws) if how.hidden else y
        loss = denoising_loss(critic, x, known, draws)
        return loss if how.critic_loss is None else loss + how.critic_loss(x, y)

    trained = [*critic.parameters(), *how.extra]
    follower = Training(
        nn.ModuleList([critic, nn.ParameterList(how.extra)]),
        torch.optim.Adam([p for p in trained if p.requires_grad], lr=how.critic_lr * config.lr, betas=(0.0, 0.999)),
        critic_loss,
    )
    follower.start(own_random_state=False)

    def batches(step: int) -> Iterator[Tensor]:
        if how.teacher_at is not None:
            present[0] = how.teacher_at(step)
        for _ in range(how.critic_steps):
            follower.step(labels(), 0.0)
        yield labels()

    leader = Training(
        student,
        torch.optim.Adam(student.parameters(), lr=config.lr, betas=(0.0, 0.999)),
        generator_loss,
        after_step=lambda batch, loss: mean.update(student),
    )
    train(leader, batches, config.steps, progress=context.progress, label="distilling")
    return Generator(mean.module, generator.steps, context.space)


def descend(x: Tensor, direction: Tensor) -> Tensor:
    r"""A loss whose gradient with respect to x is the direction over the number of entries.

    .. math:: \tfrac12 \| x - \mathrm{sg}(x - g) \|^2
    """
    return 0.5 * (x - (x - direction).detach()).square().flatten(1).sum(dim=1).mean()
