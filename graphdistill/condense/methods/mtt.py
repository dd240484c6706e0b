r"""MTT, trajectory matching: a few steps on the set lead a network to where epochs on the real data lead it.

.. math:: L = \frac{\|\theta_K(S) - \theta^*_{t+M}\|^2}{\|\theta^*_t - \theta^*_{t+M}\|^2}

:math:`\theta^*` are the weights of experts, epoch by epoch; :math:`\theta_K` is reached from :math:`\theta^*_t` in K
steps of SGD on the set, with a step size that is learnt. Its gradient is exact, by :func:`~.unroll.unrolled`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.experts import ExpertTraining, Window, record_trajectories
from graphdistill.condense.matching.objective import MethodContext, Recipe, Step
from graphdistill.condense.matching.unroll import FlatNetwork, Unroll, unrolled
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.augment import Augment

PAPER = "Cazenavette et al., CVPR 2022, https://arxiv.org/abs/2203.11932"
RESULT = Result(
    paper=("CIFAR-10, 1, 10 and 50 images a class: 46.3, 65.3 and 71.6 % (from memory, unchecked; not measured here)"),
    ours=(
        "digits, 1 image a class: 0.952 ± 0.021 (random images 0.777 ± 0.061); 10: 0.971 ± 0.014 (random images "
        "0.981 ± 0.009)"
    ),
    command="python -m graphdistill.bench condense --parts methods --datasets digits --methods random dm mtt",
    differs=(
        "5 experts of 12 epochs and 100 steps, where the paper has 100 of 50 and 5000; the gradient is exact, by a "
        "reverse sweep."
    ),
    instead="Use dm: 0.959 ± 0.014 in an eighth of the time, and 0.993 ± 0.007 with 10 images a class.",
)
FOR: tuple[Kind, ...] = ("images",)

LOG_LR = "log_lr"
"""Name of the student's step size among the learnt tensors; its logarithm is learnt, so that it stays above 0."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of MTT."""

    experts: int = 5
    """Networks trained on the real data, each of which takes as long as a training; the paper has 100."""
    expert_epochs: int = 12
    """Epochs that an expert is trained for; the paper has 50."""
    expert_lr: float = 0.01
    """Step size of the experts' SGD (the paper's value)."""
    expert_batch: int = 64
    """Real images in a step of an expert; the paper has 256, with which 12 epochs are too few steps."""
    max_start_epoch: int | None = None
    """Latest epoch of an expert that a student starts at (default: the latest that the span allows, 10 of 12; the paper
    has about 20 of 50)."""
    span: int = 2
    """Epochs M of an expert that a student has to match (the paper's value)."""
    student_steps: int = 15
    """Steps K of SGD that a student takes on the set; their cost is proportional."""
    student_lr: float = 0.02
    """First step size of a student, which is learnt; twice the experts' (a guess), as it has about half their steps."""
    student_batch: int = 256
    """Entries of the set in a step of a student; a smaller set is used whole."""
    lr: float = 10.0
    """Step size for one image of each class; it is multiplied by the images of a class, since each has that share of a
    student's loss. The paper has 100 to 1000 on images of unit deviation, about 10 to 100 on pixels from 0 to 1 (on
    validation of digits, one image a class: 3 is slower, Adam loses a point)."""
    lr_lr: float = 0.1
    """Step size of the logarithm of the student's step size."""

    def __post_init__(self) -> None:
        for name in ("experts", "expert_epochs", "expert_batch", "span", "student_steps", "student_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be 1 or more, got {getattr(self, name)}")
        for name in ("expert_lr", "student_lr", "lr"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {getattr(self, name)}")
        if not self.lr_lr >= 0:
            raise ValueError(f"--lr-lr must be 0 or more, got {self.lr_lr}")
        latest = self.expert_epochs - self.span
        if latest < 0:
            raise ValueError(f"--span must be at most --expert-epochs, {self.expert_epochs}, got {self.span}")
        if self.max_start_epoch is not None and not 0 <= self.max_start_epoch <= latest:
            raise ValueError(
                f"--max-start-epoch must be from 0 to --expert-epochs less --span, {latest}, got {self.max_start_epoch}"
            )


@dataclass(frozen=True)
class TrajectoryMatch:
    """Distance of a student, which starts at earlier weights of an expert, to later weights of the expert.

    Attributes:
        network: of experts and students.
        experts: weights, float ``[E, T + 1, P]``.
        window: epochs to start at.
        span: epochs M from start to target.
        steps: K of the student.
        batch: entries of the set in a step of the student; a smaller set is used whole. (default: 256)
        unroll: how the gradient is taken. (default: ``reverse``, exact)
        max_loss: steps with a larger loss change nothing. (default: all steps count)
    """

    network: FlatNetwork
    experts: Tensor
    window: Window
    span: int
    steps: int
    batch: int = 256
    unroll: Unroll = "reverse"
    max_loss: float = math.inf

    def __post_init__(self) -> None:
        if self.window.latest + self.span >= self.experts.shape[1]:
            raise ValueError(
                f"window's latest epoch {self.window.latest} and span {self.span} lead past the experts' last epoch "
                f"{self.experts.shape[1] - 1}; train experts for longer or start earlier"
            )

    def accumulate(self, step: Step) -> float:
        """The steps of one student, and the gradient through them."""
        synthetic, draws = step.synthetic, step.generator
        path = self.experts[int(torch.randint(len(self.experts), (), generator=draws))]
        first = self.window.sample_epoch(step.fraction_done, draws)
        learnt = list(synthetic.parameters().values())
        value, gradient = unrolled(
            self.student_loss(step, first),
            synthetic.extra[LOG_LR],
            path[first],
            self.targets(path, first),
            learnt,
            self.unroll,
        )
        if value <= self.max_loss:
            for leaf, part in zip(learnt, gradient(), strict=True):
                leaf.grad = part if leaf.grad is None else leaf.grad + part
        return value

    def targets(self, path: Tensor, first: int) -> dict[int, Tensor]:
        """Weights of an expert that a student is compared with, by its number of steps.

        Args:
            path: weights of the expert, ``[T + 1, P]``.
            first: epoch that the student starts at.
        """
        return {self.steps: path[first + self.span]}

    def student_loss(self, step: Step, first: int) -> Callable[[int, Tensor], Tensor]:
        """Draw batches and augmentations of a student that starts at epoch ``first``; the loss of a step at weights."""
        synthetic, draws = step.synthetic, step.generator
        seen = [(step.view(), index) for index in self._batches(len(synthetic), draws)]

        def loss(i: int, theta: Tensor) -> Tensor:
            view, index = seen[i]
            x: Any = view(synthetic.inputs(index))
            return F.cross_entropy(
                self.network(theta, x), synthetic.labels if index is None else synthetic.labels[index]
            )

        return loss

    def _batches(self, count: int, draws: torch.Generator) -> list[Tensor | None]:
        """Index of the batch of each step of a student; all entries are used before one comes again."""
        if count <= self.batch:
            return [None] * self.steps
        queue: list[Tensor] = []
        while len(queue) < self.steps:
            queue.extend(torch.randperm(count, generator=draws)[: count // self.batch * self.batch].split(self.batch))
        return list(queue[: self.steps])


def student(synthetic: LearnableSet, lr: float) -> LearnableSet:
    """The same set, with a student's step size among the learnt tensors."""
    synthetic.extra[LOG_LR] = torch.tensor(math.log(lr), device=synthetic.x.device).requires_grad_()
    return synthetic


def network_of(context: MethodContext) -> FlatNetwork:
    """The network of experts and students."""
    with scoped(context.seed, "network"):
        return FlatNetwork(context.real.network())


def recipe(context: MethodContext, config: Config) -> Recipe:
    """MTT's recipe: 100 steps of SGD with a cosine, which averages out single experts (5000 steps in the paper)."""
    return recipe_of(context, config)


def expert_training(config: Config) -> ExpertTraining:
    """How MTT's experts are trained: plain SGD on augmented images."""
    return ExpertTraining(
        epochs=config.expert_epochs, lr=config.expert_lr, batch=config.expert_batch, augment=Augment()
    )


def recipe_of(context: MethodContext, config: Config, training: ExpertTraining | None = None) -> Recipe:
    """The recipe, with experts that may be trained in another way.

    Args:
        context: the training data.
        config: options.
        training: of the experts. (default: :func:`expert_training`)
    """
    real, training = context.real, training or expert_training(config)
    experts = record_trajectories(real, training, config.experts, context.seed, context.progress)
    synthetic = real.init_random(context.per_class, generator(context.seed, "start"))
    latest = config.expert_epochs - config.span if config.max_start_epoch is None else config.max_start_epoch
    return Recipe(
        objective=TrajectoryMatch(
            network_of(context), experts, Window(0, latest), config.span, config.student_steps, config.student_batch
        ),
        schedule=None,
        augment=Augment(),
        steps=100,
        lr={"x": config.lr * context.per_class, LOG_LR: config.lr_lr},
        cosine=True,
        start=student(synthetic, config.student_lr),
    )
