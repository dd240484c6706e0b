r"""DCC, contrastive gradient matching: one distance between the gradients of all classes together.

.. math:: L = D\Big(\frac{1}{C} \sum_c \nabla_\theta \ell(T_c; \theta), \nabla_\theta \ell(S; \theta)\Big)

It sees what tells classes apart, and differentiates one gradient twice instead of C of them. With one class it is DC.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting, Step, gradient, row_distance
from graphdistill.condense.methods import dc
from graphdistill.core.methods import MethodConfig
from graphdistill.core.training.augment import Augment

PAPER = "Lee et al., ICML 2022, https://arxiv.org/abs/2202.02916"
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


@dataclass(frozen=True)
class ContrastiveMatch:
    """Distance of the gradients of all classes together, after a start class by class.

    Attributes:
        batch: real images of each class in a step.
        warm_up: share of the steps that are class by class.
    """

    batch: int = 64
    warm_up: float = 0.25
    by_class: dc.GradientMatch = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_class", dc.GradientMatch(self.batch))

    def accumulate(self, step: Step) -> float:
        """One gradient of the real images of each class, averaged, and one of the set."""
        if step.done < self.warm_up:
            return self.by_class.accumulate(step)
        view = step.view()
        classes = range(step.real.num_classes)
        draws = [step.real.draw(self.batch, step.generator, label) for label in classes]
        parts = [gradient(step.net, view(x), y) for x, y in draws]
        wanted = [torch.stack(layer).mean(dim=0) for layer in zip(*parts, strict=True)]
        ours = gradient(step.net, view(step.small.inputs()), step.small.labels, differentiable=True)
        loss = row_distance(ours, wanted)
        return step.small.backward(loss)


def recipe(setting: Setting, config: Config) -> Recipe:
    """DCC's recipe, with DSA's augmentation as in the paper's best rows.

    The first quarter of the steps goes class by class, as 250 of 1000 steps do in the paper's code. All else is DC's.
    """
    base = dc.recipe(setting, dc.Config())
    return Recipe(objective=ContrastiveMatch(), schedule=base.schedule, augment=Augment(), steps=base.steps, lr=base.lr)
