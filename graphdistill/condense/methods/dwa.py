r"""DWA, directed weight adjustment: SRe2L that begins with real images, each round with a teacher of its own.

.. math:: \theta_j = \theta + \sum_{k=1}^{K} \frac{\rho}{K} \frac{g_k}{\|g_k\|}, \qquad
    g_k = \nabla_\theta \mathrm{CE}(\theta_{j,k-1}(T_j), y)

:math:`T_j` are the real images that the j-th images of all classes begin as. Teacher j was moved along the gradient of
its loss on them, so each round learns what its images lack; variances have eleven times the weight of means.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.condense.data.images import TrainingImages
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe, gradient
from graphdistill.condense.methods import sre2l
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import generator

PAPER = "Du et al., NeurIPS 2024, https://arxiv.org/abs/2409.17612"
RESULT = Result(
    paper=(
        "CIFAR-100, ResNet-18, 10 and 50 images a class: 39.6 and 60.9 %; ImageNet-1K: 37.9 and 55.2 % (from "
        "memory, unchecked; not measured here)"
    ),
    ours=(
        "digits, 1 image a class: 0.799 ± 0.047 (random images 0.777 ± 0.061, with a teacher's labels 0.819 ± 0.077)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits --per-class 1 --methods random "
        "random-kd dwa"
    ),
    differs=(
        "Steps of 0.005 instead of 0.25, which keep the real images that it begins with; one static soft label an "
        "image."
    ),
    instead="Validation mostly keeps the real images that it begins with: use random-kd for those, or dm.",
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of DWA."""

    ascent_steps: int = 12
    """Steps K that a teacher's weights take uphill (the paper's value)."""
    rho: float = 0.015
    """Length of all these steps together (the paper's value)."""
    lr: float = 0.005
    """Step size of Adam. The paper has 0.25 on images of unit deviation, but all larger steps make the real images
    worse that learning begins with (on validation of digits, ten images a class, two sets: 99 % at the start, 98 %
    after 200 steps of 0.005 with CDA's curriculum, 90 % after 200 of 0.02)."""
    statistics: float = 0.01
    """Weight of the batch norm statistics (the paper's value)."""
    variance: float = 11.0
    """Weight of variances relative to means (the paper's value), which keeps images diverse."""

    def __post_init__(self) -> None:
        if self.ascent_steps < 1:
            raise ValueError(f"--ascent-steps must be 1 or more, got {self.ascent_steps}")
        if not self.lr > 0:
            raise ValueError(f"--lr must be above 0, got {self.lr}")
        for name in ("rho", "statistics", "variance"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"--{name} must be 0 or more, got {getattr(self, name)}")


def ascend(teacher: ConvNet, x: Tensor, y: Tensor, *, steps: int, rho: float) -> ConvNet:
    """A copy of a teacher after steps of gradient ascent on a few images; its running statistics stay.

    Args:
        teacher: network in evaluation mode.
        x: images.
        y: class of each.
        steps: number K of steps.
        rho: length of all steps together.
    """
    moved = copy.deepcopy(teacher).requires_grad_()
    for _ in range(steps):
        direction = gradient(moved, x, y)
        length = torch.cat([part.flatten() for part in direction]).norm()
        with torch.no_grad():
            for weight, part in zip(moved.parameters(), direction, strict=True):
                weight.add_(rho / steps * part / length)
    return moved.requires_grad_(False)


def recipe(context: MethodContext, config: Config) -> Recipe:
    """DWA's recipe.

    On small images the start, random real images with the teacher's labels, is mostly best on validation. With rho =
    0.5 and statistics ten times, 200 steps of 0.01 have 75 % with hard and 72 % with soft labels on digits.
    """
    real, teacher = context.real, sre2l.squeeze(context)
    assert isinstance(real, TrainingImages)
    index = real.sample_indices(context.per_class, generator(context.seed, "start"))
    x, y = real.x[index], real.y[index]
    teachers = tuple(
        ascend(teacher, x[part], y[part], steps=config.ascent_steps, rho=config.rho) for part in sre2l.rounds(y)
    )
    objective = sre2l.Recover(teachers, config.statistics, config.variance)
    return sre2l.recipe_of(objective, sre2l.Relabelled(x, y, teacher), config.lr)
