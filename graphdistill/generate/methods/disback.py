r"""Distribution backtracking: the generator follows a path of teachers, from one that is like it back to the real one.

Degradation: a copy of the teacher learns to denoise what the undistilled generator draws, and leaves checkpoints
:math:`D_0 = D_\phi, D_1, \dots, D_N`. Back: the critic begins as :math:`D_N`, and the generator follows

.. math:: \nabla_x L = \frac{D_\psi(x_\sigma, \sigma, y) - D_i(x_\sigma, \sigma, y)}
    {\mathrm{mean} | x - D_i(x_\sigma, \sigma, y) |}, \qquad i = N - 1, \dots, 0

The scores of teacher and critic are far from one another at first, where the teacher never saw what the generator
draws; along the path they are near.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.training.loop import Training, train
from graphdistill.generate.context import Context
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.methods.dmd2 import MatchScores
from graphdistill.generate.scores import ScoreTraining, distill_scores
from graphdistill.generate.space import Kind
from graphdistill.generate.teacher import denoising_loss

PAPER = "DisBack: Zhang et al., ICLR 2025, https://arxiv.org/abs/2408.15991"
RESULT = Result(
    paper="FID 1.38 on ImageNet-64 in one step (from an excerpt, not checked)",
    ours="digits: Frechet 1.186 ± 0.218 times that of real images in one step, dmd2 1.157 ± 0.193 "
    "(teacher 1.481 ± 0.183 in 49 evaluations, 2.560 ± 0.016 in one)",
    command="python -m graphdistill.bench generate --parts sources --datasets digits --methods dmd2 disback",
    differs="Stages of minutes, and a share of the updates for the path instead of a fixed number.",
    instead="dmd2 --gan 0: a generator that begins as its teacher is near it from the start, and the path gained "
    "nothing on digits.",
)
FOR: tuple[Kind, ...] = ("images", "rows", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of distribution backtracking."""

    degradation_steps: int = 200
    """Updates of the copy of the teacher that degrades."""
    checkpoints: int = 4
    """Checkpoints on the path, at even distances."""
    back: float = 0.3
    """Share of the generator's updates in which the target moves back to the teacher; it stays there for the others."""
    critic_steps: int = 5
    """Updates of the critic for each of the generator's."""
    start: float = 2.5
    """Noise level that the generator starts from."""

    def __post_init__(self) -> None:
        if not 1 <= self.checkpoints <= self.degradation_steps:
            raise ValueError(
                "--checkpoints must be from 1 to the number of --degradation-steps, "
                f"got {self.checkpoints} and {self.degradation_steps}"
            )
        if not 0 <= self.back <= 1:
            raise ValueError(f"--back must be from 0 to 1, got {self.back}")
        if self.critic_steps < 1:
            raise ValueError(f"--critic-steps must be 1 or more, got {self.critic_steps}")
        if not 0 < self.start < float("inf"):
            raise ValueError(f"--start must be above 0, got {self.start}")


def degradation_path(context: Context, levels: Sequence[float], config: Config) -> list[Denoiser]:
    """The teacher and its checkpoints while it learns to denoise what the undistilled generator draws.

    Args:
        context: teacher, data and training.
        levels: noise levels of the generator's steps.
        config: number of updates and checkpoints.

    Returns:
        The teacher, then ever more degraded ones, all frozen.
    """
    draws = context.stream("degradation")
    undistilled = Generator(context.teacher, [Step(sigma=level) for level in levels], context.space)
    degraded, path = context.teacher.copy().to(context.device).train(), [context.teacher]
    stops = {config.degradation_steps * number // config.checkpoints for number in range(1, config.checkpoints + 1)}

    def loss(step: int) -> Tensor:
        y = context.labels((), draws)
        with torch.no_grad():
            x = undistilled(undistilled.start(y, draws), y, draws)
        return denoising_loss(degraded, x, y, draws)

    def keep(step: int, value: Tensor) -> None:
        if step in stops:
            path.append(degraded.copy().frozen())

    optimizer = torch.optim.Adam(degraded.parameters(), lr=context.config.lr, betas=(0.0, 0.999))
    training: Training[int] = Training(degraded, optimizer, loss, after_step=keep)
    train(training, lambda step: [step], config.degradation_steps, progress=context.progress, label="degrading")
    return path


def target_at(step: int, steps: int, targets: int, back: float) -> int:
    """Number of the target at an update, from ``targets - 1``, the most degraded, to 0, the teacher.

    Args:
        step: number of the update, from 1.
        steps: number of updates.
        targets: number of targets.
        back: share of the updates in which the target moves; the most degraded one begins.

    Example:
        >>> [target_at(step, 10, 3, 0.4) for step in range(1, 8)]
        [2, 2, 1, 1, 0, 0, 0]
    """
    moving = back * steps
    moved = targets - 1 if step > moving else int((step - 1) * (targets - 1) / moving)
    return targets - 1 - moved


def distill(context: Context, config: Config) -> Generator:
    """The generator."""
    levels = context.levels(config.start)
    *targets, most = degradation_path(context, levels, config)
    how = ScoreTraining(
        objective=MatchScores(),
        critic_steps=config.critic_steps,
        critic=most.copy(),
        teacher_at=lambda step: targets[target_at(step, context.config.steps, len(targets), config.back)],
    )
    return distill_scores(context, context.teacher, levels, how)
