r"""MTT, trajectory matching: a few steps on the set shall lead a network where whole epochs led it on the real data.

.. math:: L = \frac{\|\theta_K(S) - \theta^*_{t+M}\|^2}{\|\theta^*_t - \theta^*_{t+M}\|^2}

:math:`\theta^*` are the weights of experts, epoch by epoch; :math:`\theta_K` is reached from :math:`\theta^*_t` in K
steps of SGD on the set, with a step size that is learnt. Its gradient is exact, by :func:`~.unroll.unrolled`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.experts import Training, Window, record_trajectories
from graphdistill.condense.matching.objective import Recipe, Setting, Step
from graphdistill.condense.matching.unroll import FlatNetwork, Unroll, unrolled
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.augment import Augment

PAPER = "Cazenavette et al., CVPR 2022, https://arxiv.org/abs/2203.11932"
FOR: tuple[Kind, ...] = ("images",)

TRAINING = Training(epochs=12, lr=0.01, augment=Augment())
"""How experts are trained; step size and augmentation are the paper's, epochs and batches (64 for 256) for CPUs."""
STUDENT_LR = 0.02
"""The student's first step size; twice the experts' (a guess), for it has half their steps."""
EXPERTS = 5
"""Networks trained on the real data; the paper has 100."""
LOG_LR = "log_lr"
"""The student's step size among what is learnt; its logarithm, so that it stays above 0."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


@dataclass(frozen=True)
class TrajectoryMatch:
    """How far from an expert's later weights a student ends that starts at its earlier ones.

    Attributes:
        network: of experts and students.
        experts: weights, float ``[E, T + 1, P]``.
        window: epochs to start at.
        span: epochs M from start to target.
        steps: K of the student.
        batch: entries of the set in a step of the student; a smaller set is used whole. (default: 256)
        unroll: how the gradient is taken. (default: ``reverse``, exact)
        above: a step whose loss is above this changes nothing. (default: all count)
    """

    network: FlatNetwork
    experts: Tensor
    window: Window
    span: int
    steps: int
    batch: int = 256
    unroll: Unroll = "reverse"
    above: float = math.inf

    def __post_init__(self) -> None:
        if self.window.latest + self.span >= self.experts.shape[1]:
            raise ValueError(
                f"window's latest epoch {self.window.latest} and span {self.span} lead past the experts' last epoch "
                f"{self.experts.shape[1] - 1}; train experts for longer or start earlier"
            )

    def accumulate(self, step: Step) -> float:
        """A student's steps to and fro."""
        small, draws = step.small, step.generator
        path = self.experts[int(torch.randint(len(self.experts), (), generator=draws))]
        first = self.window.draw(step.done, draws)
        seen = [(step.view(), rows) for rows in self._batches(len(small), draws)]

        def loss(number: int, theta: Tensor) -> Tensor:
            view, rows = seen[number]
            x: Any = view(small.inputs(rows))
            return F.cross_entropy(self.network(theta, x), small.labels if rows is None else small.labels[rows])

        learnt = list(small.parameters().values())
        value, gradient = unrolled(
            loss, small.extra[LOG_LR], path[first], path[first + self.span], self.steps, learnt, self.unroll
        )
        if value <= self.above:
            for leaf, part in zip(learnt, gradient(), strict=True):
                leaf.grad = part if leaf.grad is None else leaf.grad + part
        return value

    def _batches(self, count: int, draws: torch.Generator) -> list[Tensor | None]:
        """Rows of the set for every step of the student, by turns."""
        if count <= self.batch:
            return [None] * self.steps
        queue: list[Tensor] = []
        while len(queue) < self.steps:
            queue.extend(torch.randperm(count, generator=draws)[: count // self.batch * self.batch].split(self.batch))
        return list(queue[: self.steps])


def student(small: LearnableSet, lr: float) -> LearnableSet:
    """The same set with a student's step size to learn along."""
    small.extra[LOG_LR] = torch.tensor(math.log(lr)).requires_grad_()
    return small


def network_of(setting: Setting) -> FlatNetwork:
    """The network of experts and students."""
    with scoped(setting.seed, "network"):
        return FlatNetwork(setting.real.network())


def recipe(setting: Setting, config: Config) -> Recipe:
    """MTT's recipe.

    The paper: 100 experts of 50 epochs at 0.01, two epochs to match (M), starts within the first 20 or so, 5000 steps,
    images by SGD at 100 to 1000. Here 5 experts of 12 epochs in batches of 64, 15 steps of the student and 100 of the
    set, for CPUs. A step size of 10 is in the paper's range where pixels go from 0 to 1, so that they deviate by 0.3
    and not by 1 (on validation of digits, one image a class: 3 is slower, Adam loses a point). It grows with the images
    of a class, since each has that share of the student's loss. A cosine settles what single experts stir up.
    """
    return recipe_of(setting, TRAINING)


def recipe_of(setting: Setting, training: Training) -> Recipe:
    """The recipe with experts that are trained in a way of their own."""
    real = setting.real
    experts = record_trajectories(real, training, EXPERTS, setting.seed, setting.progress)
    small = real.begin(setting.per_class, generator(setting.seed, "start"))
    return Recipe(
        objective=TrajectoryMatch(network_of(setting), experts, Window(0, 10), span=2, steps=15),
        schedule=None,
        augment=Augment(),
        steps=100,
        lr=rates(setting.per_class),
        cosine=True,
        start=student(small, STUDENT_LR),
    )


def rates(per_class: int) -> dict[str, float]:
    """Step sizes of images and of the logarithm of the student's step size."""
    return {"x": 10.0 * per_class, LOG_LR: 0.1}
