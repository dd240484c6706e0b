r"""DC, gradient matching: the gradients that real and synthetic images of a class give a network, layer by layer.

.. math:: L = \sum_c D\big(\nabla_\theta \ell(T_c; \theta), \nabla_\theta \ell(S_c; \theta)\big)

:math:`D` is :func:`~graphdistill.condense.matching.objective.row_distance`, :math:`\ell` the mean cross-entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting, Step, gradient, row_distance
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.core.methods import MethodConfig
from graphdistill.core.training.augment import NO_AUGMENT

PAPER = "Zhao et al., ICLR 2021, https://arxiv.org/abs/2006.05929"
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


@dataclass(frozen=True)
class GradientMatch:
    """Distance of gradients, class by class.

    Attributes:
        batch: real images of a class in a step.
    """

    batch: int = 64

    def accumulate(self, step: Step) -> float:
        """Two gradients of each class, of which one is differentiated again."""
        total = 0.0
        for label in range(step.real.num_classes):
            view, rows = step.view(), step.small.y == label
            x, y = step.real.draw(self.batch, step.generator, label)
            wanted = gradient(step.net, view(x), y)
            ours = gradient(step.net, view(step.small.inputs(rows)), step.small.labels[rows], differentiable=True)
            loss = row_distance(ours, wanted)
            total += step.small.backward(loss)
        return total


def recipe(setting: Setting, config: Config) -> Recipe:
    """DC's recipe.

    The paper: 1000 networks, 256 real images a class, step size 0.1 on images of unit deviation. Here 100 steps and 64
    images, for CPUs. Pixels from 0 to 1 deviate by about 0.3, and 0.3 squared of the paper's step is 0.01 (on
    validation of digits, one image a class: 0.1 loses ten points).
    """
    return Recipe(
        objective=GradientMatch(), schedule=schedule(setting.per_class), augment=NO_AUGMENT, steps=100, lr=0.01
    )


def schedule(per_class: int) -> Schedule:
    """Fresh networks for a single image a class, as in the paper; else five matches on each.

    The paper has ten matches and 50 epochs between them. Five and five (a guess) cost a tenth, and let networks be seen
    that have learnt something from the set.
    """
    return Schedule() if per_class == 1 else Schedule(outer=5, inner=5)
