"""The contract of an objective, the recipe of a method, and the gradient distance that several methods share.

Shape legend: C classes, n images, P parameters of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.data.training_data import TrainingData
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.evaluation.protocol import SetProtocol
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from graphdistill.core.training.fit import Inputs


@dataclass(frozen=True)
class Step:
    """The input of an objective in one step.

    Attributes:
        synthetic: the set that is learnt.
        real: the training data.
        net: the network to match on; it has ``embed`` and ``features``.
        augment: augmentation of real and synthetic inputs.
        generator: source of all randomness.
        fraction_done: share of the steps taken so far, from 0 to below 1.
        step: number of the step, from 0.
    """

    synthetic: LearnableSet
    real: TrainingData
    net: Any
    augment: Augment
    generator: torch.Generator
    fraction_done: float = 0.0
    step: int = 0

    def view(self) -> Callable[[Any], Any]:
        """Sample an augmentation, to be applied to real and synthetic inputs alike."""
        draw = self.augment.sample(self.generator)
        return lambda x: self.augment.apply(draw, x)


class Objective(Protocol):
    """A distance between a set and real data on a network."""

    def accumulate(self, step: Step) -> float:
        """Add the gradient to ``.grad`` of the set's parameters and return the loss."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A method that learns: an objective, the networks it is computed on, and the optimizer.

    Attributes:
        objective: the loss.
        schedule: networks for the objective; ``None`` if it has its own.
        augment: augmentation of real and synthetic inputs. (default: none)
        steps: number of steps.
        lr: step size, for pixels from 0 to 1, or in standard deviations of each feature of nodes; one for all learnt
            tensors, or by name.
        momentum: of SGD. (default: 0.5)
        optimizer: ``sgd`` or ``adam``. (default: ``sgd``)
        betas: decays of Adam. (default: torch's)
        cosine: whether the step size decays to zero by a cosine. (default: it is constant)
        average: decay of the running average that is evaluated and returned instead of the last values. (default: none)
        start: the initial set, learnt in place, or a function of the default one. (default: random real data with hard
            labels)
        validate: score by which the best set is chosen, larger is better. (default: the validation score of a network)
    """

    objective: Objective
    schedule: Schedule | None
    augment: Augment = NO_AUGMENT
    steps: int
    lr: float | Mapping[str, float]
    momentum: float = 0.5
    optimizer: Literal["sgd", "adam"] = "sgd"
    betas: tuple[float, float] = (0.9, 0.999)
    cosine: bool = False
    average: float = 0.0
    start: LearnableSet | Callable[[LearnableSet], LearnableSet] | None = None
    validate: Callable[[SyntheticSet], float] | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"--steps must be 1 or more, got {self.steps}")

    def initial_set(self, default: LearnableSet) -> LearnableSet:
        """The initial set, where ``default`` is random real data."""
        if callable(self.start):
            return self.start(default)
        return self.start or default


@dataclass(frozen=True)
class MethodContext:
    """The input of ``recipe`` and ``select`` of a method; time that they spend on teachers and experts counts.

    Attributes:
        real: the training data.
        per_class: entries of each class in the set.
        protocol: evaluation of sets; a method may read its training and validation splits.
        seed: of all randomness.
        progress: shows bars of trainings.
    """

    real: TrainingData
    per_class: int
    protocol: SetProtocol[Any]
    seed: int = 0
    progress: Progress = NO_PROGRESS


def gradient(net: nn.Module, x: Inputs, y: Tensor, *, differentiable: bool = False) -> list[Tensor]:
    """Gradient of the mean cross-entropy in every parameter of a network.

    Args:
        net: the network.
        x: inputs.
        y: labels, hard or soft.
        differentiable: whether the gradient can be differentiated again, in ``x`` and ``y``. (default: no)
    """
    loss = F.cross_entropy(net(x), y)
    return list(torch.autograd.grad(loss, list(net.parameters()), create_graph=differentiable))


def row_distance(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    r"""Distance of two gradients (Zhao et al., ICLR 2021): one minus cosine, for the weights of each output, summed.

    .. math:: D = \sum_l \sum_i \Big(1 - \frac{A_{li} \cdot B_{li}}{\|A_{li}\| \|B_{li}\|}\Big)

    Parameters of one dimension (biases, scales) are left out, as in the paper's code.

    Args:
        ours: gradient of each parameter on one side.
        theirs: the same on the other side.

    Example:
        >>> row_distance([torch.tensor([[1.0, 0.0], [0.0, 2.0]])], [torch.tensor([[3.0, 0.0], [1.0, 0.0]])]).item()
        1.0
    """
    parts = [
        (1 - F.cosine_similarity(a.flatten(1), b.flatten(1), dim=1)).sum()
        for a, b in zip(ours, theirs, strict=True)
        if a.dim() > 1
    ]
    return torch.stack(parts).sum()
