r"""DM, distribution matching: class means of embeddings by random networks, no gradients of networks.

.. math:: L = \sum_c \Big\| \frac{1}{|T_c|} \sum_{x \in T_c} \psi(A(x))
    - \frac{1}{|S_c|} \sum_{s \in S_c} \psi(A(s)) \Big\|^2

:math:`\psi` is a fresh random ConvNet in every step, :math:`A` an augmentation drawn once for both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting, Step
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.core.methods import MethodConfig
from graphdistill.core.scatter import class_moments
from graphdistill.core.training.augment import Augment
from graphdistill.core.training.fit import Inputs, chunks

PAPER = "Zhao and Bilen, WACV 2023, https://arxiv.org/abs/2110.04181"
FOR: tuple[Kind, ...] = ("images",)

RATE = 0.1
"""Step size for one image a class; it grows with them, since each gets that share of their mean's gradient."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


@dataclass(frozen=True)
class MomentMatch:
    """Squared distance of class means of embeddings.

    Attributes:
        batch: real images of each class in a step.
    """

    batch: int = 64

    def accumulate(self, step: Step) -> float:
        """One forward pass of real images, one pass to and fro of the set, for all classes at once."""
        view, classes = step.view(), step.real.num_classes
        x, y = step.real.draw(self.batch, step.generator)
        with torch.no_grad():
            theirs = torch.cat([self.compared(step.net, part) for part in chunks(view(x))])
            wanted = class_moments(theirs, y, classes).mean
        ours = class_moments(self.compared(step.net, view(step.small.inputs())), step.small.y, classes).mean
        loss = (ours - wanted).square().sum()
        return step.small.backward(loss)

    def compared(self, net: Any, x: Inputs) -> Tensor:
        """What of a network's view of the inputs is averaged, a row for each."""
        rows: Tensor = net.embed(x)
        return rows


def recipe(setting: Setting, config: Config) -> Recipe:
    """DM's recipe.

    The paper: 20000 steps, 256 real images a class, step size 1 on images of unit deviation. Here 200 steps and 64
    images, for CPUs: most of the gain is there. Pixels from 0 to 1 deviate by about 0.3, and 0.3 squared of the paper's
    step is 0.1 (on validation of digits, one image a class: 0.03 as good, 1 fails). It grows with the images of a
    class, since each gets that share of their mean's gradient.
    """
    return Recipe(
        objective=MomentMatch(), schedule=Schedule(), augment=Augment(), steps=200, lr=RATE * setting.per_class
    )
