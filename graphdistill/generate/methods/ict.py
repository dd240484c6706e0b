r"""Consistency training: a network that gives the same entry at two noise levels of the same noise.

.. math:: E\ \frac{1}{\sigma_{i+1} - \sigma_i} \Bigl( \sqrt{\| f(x + \sigma_{i+1} \epsilon, \sigma_{i+1})
    - \mathrm{sg}\, f(x + \sigma_i \epsilon, \sigma_i) \|^2 + c^2} - c \Bigr), \qquad f(x, \sigma_{\min}) = x

on real entries x. The levels :math:`\sigma_i` are a grid that gets finer in training, and i is drawn so that
:math:`\ln \sigma` is about normal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import scoped
from graphdistill.generate.context import Context
from graphdistill.generate.denoiser import Denoiser, column
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.networks import DenoisingNetwork
from graphdistill.generate.space import Kind
from graphdistill.generate.trajectories import pseudo_huber, train_student

PAPER = "iCT: Song and Dhariwal, ICLR 2024, https://arxiv.org/abs/2310.14189"
RESULT = Result(
    paper="FID 2.51 on CIFAR-10 and 3.25 on ImageNet-64 in one step, 2.24 and 2.77 in two (from its abstract)",
    ours="digits: Frechet 1.315 ± 0.169 times that of real images in one step "
    "(teacher 1.481 ± 0.183 in 49 evaluations, 2.560 ± 0.016 in one)",
    command="python -m graphdistill.bench generate --parts sources --datasets digits --methods ict",
    differs="Begins as the teacher, on grids of 10 to 160 levels, as few updates need.",
    instead="Where there are no real entries at hand, boot, sim or swiftbrush, which need the teacher alone.",
)
FOR: tuple[Kind, ...] = ("images", "rows", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of consistency training."""

    initial: Literal["teacher", "random"] = "teacher"
    """Weights that training begins with; the paper's are random, which needs many more updates."""
    coarsest: int = 10
    """Noise levels of the first grid, which doubles in equal parts of the training."""
    finest: int = 160
    """Noise levels of the last grid, at most."""
    c: float = 0.00054
    """Constant c of the pseudo-Huber distance, in roots of an entry's numbers."""
    mean: float = -1.1
    """Mean of the logarithm of the noise levels."""
    deviation: float = 2.0
    """Standard deviation of the logarithm of the noise levels."""
    start: float = 10.0
    """Noise level that the generator starts from, the highest of training."""
    lr_scale: float = 3.0
    """Learning rate, as a multiple of --lr."""
    updates: int = 5
    """Updates of the network for each of --steps; one costs about a sixth of one of distribution matching."""

    def __post_init__(self) -> None:
        if not 1 <= self.coarsest <= self.finest:
            raise ValueError(f"--coarsest must be from 1 to --finest, {self.finest}, got {self.coarsest}")
        for name in ("c", "deviation", "start", "lr_scale"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {getattr(self, name)}")
        if not abs(self.mean) < float("inf"):
            raise ValueError(f"--mean must be a finite number, got {self.mean}")
        if self.updates < 1:
            raise ValueError(f"--updates must be 1 or more, got {self.updates}")


def grid_size(done: float, coarsest: int, finest: int) -> int:
    """Noise levels of the grid when a share of the training is done, from 0 to 1.

    Example:
        >>> [grid_size(done, 10, 160) for done in (0.0, 0.21, 0.99)]
        [11, 21, 161]
    """
    doublings = math.floor(math.log2(finest / coarsest)) + 1
    return int(min(coarsest << math.floor(done * doublings), finest)) + 1


def level_chances(sigmas: Tensor, mean: float, deviation: float) -> Tensor:
    r"""Chances of neighbouring levels of a falling grid, so that :math:`\ln \sigma` is about normal, ``[n - 1]``.

    .. math:: p_i \propto \mathrm{erf}\Bigl(\frac{\ln \sigma_i - \mu}{\sqrt2 s}\Bigr)
        - \mathrm{erf}\Bigl(\frac{\ln \sigma_{i+1} - \mu}{\sqrt2 s}\Bigr)
    """
    below = torch.erf((sigmas.double().log() - mean) / (2**0.5 * deviation))
    chances = below[:-1] - below[1:]
    return chances / chances.sum()


def consistency_loss(
    student: Denoiser, x: Tensor, noise: Tensor, y: Tensor, levels: tuple[Tensor, Tensor], c: float
) -> Tensor:
    """Pseudo-Huber distance of what a network returns at two levels of the same noise, over the levels' difference.

    Args:
        student: the network; only its output at the higher level gets gradients.
        x: real entries, ``[n, *shape]``.
        noise: standard normal noise, ``[n, *shape]``.
        y: classes, long ``[n]``.
        levels: the higher and the lower level, ``[n]`` each.
        c: constant of the distance, in roots of an entry's numbers.
    """
    high, low = levels
    with torch.no_grad():
        target = student(x + column(low, x) * noise, low, y)
    apart = student(x + column(high, x) * noise, high, y) - target
    loss: Tensor = (pseudo_huber(apart, c) / (high - low)).mean()
    return loss


def distill(context: Context, config: Config) -> Generator:
    """The generator."""
    draws, steps = context.stream("consistency"), context.config.steps * config.updates
    schedule = replace(context.teacher.schedule, sigma_max=config.start)
    student = context.teacher.copy()
    student.boundary = schedule.sigma_min
    if config.initial == "random":
        assert isinstance(student.network, DenoisingNetwork)
        with scoped(context.seed, "consistency"):
            student.network = student.network.config.build(student.shape, student.num_classes)

    def loss(step: int) -> Tensor:
        x, y = context.batch(draws)
        sigmas = schedule.sigmas(grid_size((step - 1) / steps, config.coarsest, config.finest))
        index = torch.multinomial(level_chances(sigmas, config.mean, config.deviation), len(x), True, generator=draws)
        noise = torch.randn(x.shape, generator=draws).to(x.device)
        levels = sigmas[index].to(x.device), sigmas[index + 1].to(x.device)
        return consistency_loss(student, x, noise, y, levels, config.c)

    mean = train_student(context, student, loss, steps=steps, lr_scale=config.lr_scale)
    return Generator(mean, [Step(sigma=level) for level in context.levels(config.start)], context.space)
