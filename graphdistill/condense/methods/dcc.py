r"""DCC, contrastive gradient matching: one distance between the gradients of all classes together.

.. math:: L = D\Big(\frac{1}{C} \sum_c \nabla_\theta \ell(T_c; \theta), \nabla_\theta \ell(S; \theta)\Big)

It matches what distinguishes the classes, and differentiates one gradient twice instead of C. With one class it is DC.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe, Step, gradient, row_distance
from graphdistill.condense.methods import dc
from graphdistill.core.training.augment import Augment

PAPER = "Lee et al., ICML 2022, https://arxiv.org/abs/2202.02916"
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(dc.Config):
    """Options of DCC: those of DC, its base, and one."""

    warm_up: float = 0.25
    """Share of the steps, at the start, that match class by class as DC does (250 of 1000 in the paper's code)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.warm_up <= 1:
            raise ValueError(f"--warm-up must be from 0 to 1, got {self.warm_up}")


@dataclass(frozen=True)
class ContrastiveMatch:
    """Distance of the gradients of all classes together, after some steps that match class by class.

    Attributes:
        batch: real images of each class in a step.
        warm_up: share of the steps that match class by class.
    """

    batch: int = 64
    warm_up: float = 0.25
    by_class: dc.GradientMatch = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_class", dc.GradientMatch(self.batch))

    def accumulate(self, step: Step) -> float:
        """One gradient of the real images of each class, averaged, and one of the set."""
        if step.fraction_done < self.warm_up:
            return self.by_class.accumulate(step)
        view = step.view()
        classes = range(step.real.num_classes)
        draws = [step.real.sample(self.batch, step.generator, label) for label in classes]
        parts = [gradient(step.net, view(x), y) for x, y in draws]
        wanted = [torch.stack(layer).mean(dim=0) for layer in zip(*parts, strict=True)]
        ours = gradient(step.net, view(step.synthetic.inputs()), step.synthetic.labels, differentiable=True)
        loss = row_distance(ours, wanted)
        return step.synthetic.backward(loss)


def recipe(context: MethodContext, config: Config) -> Recipe:
    """DCC's recipe: DC's with DSA's augmentation, as in the paper's best results."""
    base = dc.recipe(context, config)
    return replace(base, objective=ContrastiveMatch(config.batch, config.warm_up), augment=Augment())
