r"""Virtual images: a client's match its real images, the server's match what clients learnt.

A client: distribution matching (:mod:`graphdistill.condense.methods.dm`), first on random networks, then on the global
model. The server: gradient matching of the pseudo-gradient of a round,

.. math:: \min_X D\big(\nabla_\theta L(X, y; \theta_{old}), (\theta_{old} - \theta_{new}) / \eta\big)

with the row-wise cosine distance :math:`D` of :func:`graphdistill.condense.objective.row_distance`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fed.part import Pairs
from graphdistill.condense.augment import Augment
from graphdistill.condense.descent import Descent
from graphdistill.condense.images import RealImages
from graphdistill.condense.learnable import LearnableSet
from graphdistill.condense.methods.dm import RATE, MomentMatch
from graphdistill.condense.objective import Objective, Recipe, Step, gradient, row_distance
from graphdistill.core.randomness import generator, scoped

WARM_UP, REFRESH, MATCH = 100, 20, 40
"""Steps: the paper's code has 10000, 100 and 500; these keep a client's first round below half a minute on one core."""


@dataclass(frozen=True)
class GradientTarget:
    """Distance of the gradient on the set from one that is given.

    Attributes:
        wanted: gradient of every parameter.
    """

    wanted: list[Tensor]

    def accumulate(self, step: Step) -> float:
        """Of the whole set, without augmentation: what clients did is known, not how."""
        ours = gradient(step.net, step.small.inputs(), step.small.labels, differentiable=True)
        return step.small.backward(row_distance(ours, self.wanted))


def warm_up(real: Pairs, per_class: int, seed: int, steps: int = WARM_UP) -> Pairs:
    """A client's first virtual images, by distribution matching on random networks.

    They begin as noise around the mean of their class: no pixel of a real image is taken over.

    Args:
        real: the client's training images and classes; classes may be missing.
        per_class: images of each class that it has.
        seed: of everything drawn.
        steps: of matching.
    """
    x, y = real
    held = y.unique()
    noise = generator(seed, "virtual noise")
    start = [_noisy(x[y == label].mean(dim=0), per_class, noise) for label in held]
    first = torch.cat(start), held.repeat_interleave(per_class)

    def fresh(step: int) -> nn.Module:
        with scoped(seed, "warm-up network", step):
            return _real(real).network()

    return match_means(real, first, fresh, steps, seed)


def _noisy(mean: Tensor, count: int, draws: torch.Generator) -> Tensor:
    return (mean + 0.2 * torch.randn((count, *mean.shape), generator=draws)).clamp(0, 1)


def _real(real: Pairs) -> RealImages:
    """With the classes that are held numbered without gaps, which is what matching wants."""
    held, compact = real[1].unique(return_inverse=True)
    return RealImages(real[0], compact, len(held))


def match_means(real: Pairs, virtual: Pairs, networks: Callable[[int], Any], steps: int, seed: int) -> Pairs:
    """Distribution matching of virtual images with real ones.

    Args:
        real: images and classes.
        virtual: images and classes to begin with, of exactly the classes that ``real`` holds.
        networks: the network of a step.
        steps: how many.
        seed: of the draws.
    """
    held, compact = virtual[1].unique(return_inverse=True)
    small = LearnableSet(virtual[0], compact)
    rate = RATE * len(compact) / len(held)
    _learn(small, _real(real), MomentMatch(), networks, steps, rate, seed, Augment())
    return small.x.detach(), virtual[1]


def match_gradient(net: nn.Module, wanted: list[Tensor], virtual: Pairs, steps: int = MATCH) -> Pairs:
    """The server's virtual images after gradient matching; the network is only read.

    Args:
        net: the global model before the round.
        wanted: pseudo-gradient of the round in each of its parameters; those of one dimension do not count.
        virtual: images and classes to begin with.
        steps: how many.
    """
    small = LearnableSet(*virtual)
    # Nothing is drawn, so any seed does.
    _learn(small, None, GradientTarget(wanted), lambda step: net, steps, len(virtual[1]) / 100, 0, Augment(()))
    return small.x.detach(), virtual[1]


def _learn(
    small: LearnableSet,
    real: RealImages | None,
    objective: Objective,
    networks: Callable[[int], Any],
    steps: int,
    rate: float,
    seed: int,
    augment: Augment,
) -> None:
    descent = Descent(Recipe(objective=objective, schedule=None, steps=max(1, steps), lr=rate), small.parameters())
    for number in range(steps):
        draws, done = generator(seed, "matching", number), number / steps
        loss = objective.accumulate(Step(small, real, networks(number), augment, draws, done, number))  # type: ignore[arg-type]
        descent.step(done)
        small.clip()
        if not (torch.isfinite(small.x).all() and loss == loss):
            raise ArithmeticError(f"matching of virtual images diverged at step {number} of {steps}: loss {loss:g}")
