"""The steps of matching, one after another: objective, optimizer, limits of the set, average, network of each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.data.training_data import TrainingData
from graphdistill.condense.matching.objective import Recipe, Step
from graphdistill.condense.matching.optimizer import SetOptimizer
from graphdistill.condense.matching.schedule import NetworkSchedule
from graphdistill.core.randomness import generator


class NotFinite(ArithmeticError):
    """The loss or a value of the set is not finite.

    Attributes:
        step: step at which this happened.
        loss: loss of that step.
    """

    def __init__(self, step: int, loss: float):
        super().__init__(f"the loss is {loss:g} or a value of the set is not finite at step {step}")
        self.step, self.loss = step, loss


def learn(
    synthetic: LearnableSet,
    real: TrainingData | None,
    recipe: Recipe,
    seed: int,
    *,
    network: Callable[[int], Any] | None = None,
    optimizer: SetOptimizer | None = None,
    first: int = 0,
    stream: str = "step",
) -> Iterator[float]:
    """Learn a set in place by the steps of a recipe, and yield the loss after each.

    A step computes the objective on the network of the step, moves the set along the gradient, clips it, updates its
    running average where the recipe has one, and trains the network where the recipe's schedule does.

    Args:
        synthetic: the set; ``recipe.start`` is not used.
        real: the training data, or ``None`` for an objective that reads none.
        recipe: objective, networks, augmentation, optimizer, steps.
        seed: of networks and of everything that a step draws.
        network: the network of a step, which stays as it is. (default: those of the recipe's schedule)
        optimizer: of the set, with the state of earlier steps. (default: a new one)
        first: number of the first step, which needs a fresh network. (default: 0)
        stream: name of the random stream of the steps. (default: ``step``)

    Raises:
        NotFinite: the loss or a value of the set is not finite after a step.

    Example:
        >>> import torch
        >>> from graphdistill.condense.data.images import TrainingImages
        >>> from graphdistill.condense.matching.schedule import Schedule
        >>> from graphdistill.condense.methods.dm import MomentMatch
        >>> real = TrainingImages(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 1, 0]), 2)
        >>> recipe = Recipe(objective=MomentMatch(), schedule=Schedule(), steps=3, lr=0.1)
        >>> synthetic = real.init_random(1, generator(0, "start"))
        >>> len(list(learn(synthetic, real, recipe, 0)))
        3
    """
    optimizer = SetOptimizer(recipe, synthetic.parameters()) if optimizer is None else optimizer
    networks = None
    if network is None and recipe.schedule is not None:
        assert real is not None
        networks = NetworkSchedule(recipe.schedule, real, seed)
        network = networks.at
    for step in range(first, recipe.steps):
        draws, fraction_done = generator(seed, stream, step), step / recipe.steps
        net = None if network is None else network(step)
        here = Step(synthetic, real, net, recipe.augment, draws, fraction_done, step)  # type: ignore[arg-type]
        loss = recipe.objective.accumulate(here)
        optimizer.step(fraction_done)
        synthetic.clip()
        if recipe.average:
            optimizer.update_ema()
        if not (math.isfinite(loss) and all(bool(p.isfinite().all()) for p in synthetic.parameters().values())):
            raise NotFinite(step, loss)
        if networks is not None:
            networks.train(synthetic, step, generator(seed, "training", step), recipe.augment)
        yield loss
