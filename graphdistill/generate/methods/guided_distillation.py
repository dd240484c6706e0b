r"""Guided distillation: one network for all strengths of guidance, and then half as many steps, again and again.

.. math:: E_{w, \sigma}\ \max(\sigma^{-2}, 1)
    \bigl\| D_\theta(x_\sigma, \sigma, y, w) - \bigl((1 + w) D_\phi(x_\sigma, \sigma, y) - w D_\phi(x_\sigma, \sigma)
    \bigr) \bigr\|^2

Then a student of n steps learns the entry that takes it in one step where the network with 2 n steps, t to t' to t'',
gets in two:

.. math:: \tilde x = x_t - t\, \frac{x_{t''} - x_t}{t'' - t}
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.generate.context import Context
from graphdistill.generate.denoiser import Denoiser, add_noise, column
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.space import Kind
from graphdistill.generate.trajectories import carry, train_student

PAPER = "Guided distillation: Meng et al., CVPR 2023, https://arxiv.org/abs/2210.03142"
RESULT = Result(
    paper="4 steps as good as the teacher's hundreds on ImageNet-64 and CIFAR-10, up to 256 times faster (abstract)",
    ours="digits: Frechet distance 0.888 ± 0.136 times that of real images in 4 evaluations "
    "(teacher 1.481 ± 0.183 in 49)",
    command="python -m graphdistill.bench generate --methods guided-distillation --sampling-steps 4",
    differs="Stages of --steps updates each, from 16 steps on, and strengths up to 1; the paper's range was not found.",
)
FOR: tuple[Kind, ...] = ("images", "rows", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of guided distillation."""

    guidance: float = 0.0
    """Strength of guidance that the generator draws with; the network knows all up to --most."""
    most: float = 1.0
    """Highest strength of guidance that is learned; a small network tells strengths of a wide range apart badly."""
    first: int = 16
    """Steps that halving begins with, at least; it goes on down to --sampling-steps."""
    start: float = 10.0
    """Noise level that the generator starts from."""
    lr_scale: float = 3.0
    """Learning rate, as a multiple of --lr."""

    def __post_init__(self) -> None:
        if not 0 <= self.guidance <= self.most < float("inf"):
            raise ValueError(f"--guidance must be from 0 to --most, {self.most}, got {self.guidance}")
        if self.first < 2:
            raise ValueError(f"--first must be 2 or more, got {self.first}")
        if not 0 < self.start < float("inf"):
            raise ValueError(f"--start must be above 0, got {self.start}")
        if not 0 < self.lr_scale < float("inf"):
            raise ValueError(f"--lr-scale must be above 0, got {self.lr_scale}")


def two_in_one(before: Denoiser, x: Tensor, y: Tensor, levels: tuple[Tensor, Tensor, Tensor], w: Tensor) -> Tensor:
    """The clean entry that takes a student in one step where a network gets in two.

    Args:
        before: the network, which knows the strength of guidance.
        x: noisy entries, ``[n, *shape]``.
        y: classes, long ``[n]``.
        levels: noise level of the entries, the level between and the last, which may be 0, ``[n]`` each.
        w: strength of guidance, ``[n]``.
    """
    t, between, after = levels
    half = carry(x, before(x, t, y, guidance=w), t, between)
    end = carry(half, before(half, between, y, guidance=w), between, after)
    return x - column(t / (after - t), x) * (end - x)


def distill(context: Context, config: Config) -> Generator:
    """The generator."""
    draws, steps, count = context.stream("guided distillation"), context.config.steps, context.config.sampling_steps
    halvings = max(1, math.ceil(math.log2(config.first / count)))

    def batch() -> tuple[Tensor, Tensor, Tensor]:
        x, y = context.batch(draws)
        return x, y, config.most * torch.rand(len(y), generator=draws).to(y.device)

    def absorb(student: Denoiser, step: int) -> Tensor:
        x, y, w = batch()
        sigma = context.teacher.schedule.uniform(len(y), generator=draws).to(y.device)
        x = add_noise(x, sigma, draws)
        with torch.no_grad():
            target = context.teacher.guided(x, sigma, y, w)
        return _distance(student(x, sigma, y, guidance=w), target, sigma)

    def halve(student: Denoiser, before: Denoiser, grid: Tensor, step: int) -> Tensor:
        x, y, w = batch()
        index = 2 * torch.randint(len(grid) // 2, (len(y),), generator=draws)
        t, between, after = (grid[index + offset].to(y.device) for offset in range(3))
        x = add_noise(x, t, draws)
        with torch.no_grad():
            target = two_in_one(before, x, y, (t, between, after), w)
        return _distance(student(x, t, y, guidance=w), target, t)

    learn = partial(train_student, context, steps=steps, lr_scale=config.lr_scale)
    student = context.teacher.copy()
    student = learn(student, partial(absorb, student), label="learning guidance")
    for number in (count * 2**power for power in reversed(range(halvings))):
        grid = torch.tensor([*context.levels(config.start, 2 * number), 0.0])
        before, student = student, student.copy()
        student = learn(student, partial(halve, student, before, grid), label=f"halving to {number}")
    made = partial(Step, guidance=config.guidance, embedded=True, move="ode")
    return Generator(student, [made(sigma=level) for level in context.levels(config.start)], context.space)


def _distance(clean: Tensor, target: Tensor, sigma: Tensor) -> Tensor:
    """Squared error, weighted by the signal-to-noise ratio, at least 1."""
    return (sigma.pow(-2).clamp_min(1) * (clean - target).square().flatten(1).mean(dim=1)).mean()
