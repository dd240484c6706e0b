"""Networks that a set is matched on: fresh ones, and ones that were trained on the set for some steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.data.training_data import TrainingData
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from graphdistill.core.training.loop import Training, train


@dataclass(frozen=True)
class Schedule:
    """A fresh network every ``outer`` steps, trained on the set for ``inner`` steps after each of them.

    The next network shares nothing with the last one, so a run can be interrupted and resumed where it starts.

    Attributes:
        outer: steps that a network is matched for. (default: 1, a fresh network in each step)
        inner: training steps on the set between two of these. (default: 0)
        lr: step size of that training.
        optimizer: of that training, ``sgd`` with momentum 0.5 (DC's values) or ``adam``. (default: ``sgd``)
    """

    outer: int = 1
    inner: int = 0
    lr: float = 0.01
    optimizer: Literal["sgd", "adam"] = "sgd"

    def __post_init__(self) -> None:
        if self.outer < 1:
            raise ValueError(f"outer must be 1 or more, got {self.outer}")
        if self.inner < 0:
            raise ValueError(f"inner must be 0 or more, got {self.inner}")

    def begins(self, step: int) -> bool:
        """Whether ``step``, counted from 0, has a fresh network."""
        return step % self.outer == 0


class NetworkSchedule:
    """The network of each step.

    Args:
        schedule: number of steps per network, and their training.
        real: the training data.
        seed: of the networks' weights.
    """

    def __init__(self, schedule: Schedule, real: TrainingData, seed: int):
        self.schedule, self.real, self.seed = schedule, real, seed
        self.net: nn.Module | None = None
        self.optimizer: torch.optim.Optimizer | None = None

    def at(self, step: int) -> nn.Module:
        """The network of a step; call it step by step, from one with a fresh network on."""
        if self.schedule.begins(step):
            with scoped(self.seed, "matched network", step):
                self.net = self.real.network()
            weights, lr = self.net.parameters(), self.schedule.lr
            adam = self.schedule.optimizer == "adam"
            self.optimizer = torch.optim.Adam(weights, lr) if adam else torch.optim.SGD(weights, lr, momentum=0.5)
        assert self.net is not None
        return self.net

    def train(
        self, synthetic: LearnableSet, step: int, generator: torch.Generator, augment: Augment = NO_AUGMENT
    ) -> None:
        """Train the network of a step on the set, unless the next step has another one."""
        if self.schedule.begins(step + 1):
            return
        assert self.net is not None
        assert self.optimizer is not None
        net = self.net
        with torch.no_grad():
            x, y = synthetic.inputs(), synthetic.labels.detach()

        def loss(inputs: Tensor) -> Tensor:
            return synthetic.loss(net(inputs), y)

        train(Training(net, self.optimizer, loss), lambda step: [augment.each(x, generator)], self.schedule.inner)
