r"""DM, distribution matching: class means of embeddings by random networks, no gradients of networks.

.. math:: L = \sum_c \Big\| \frac{1}{|T_c|} \sum_{x \in T_c} \psi(A(x))
    - \frac{1}{|S_c|} \sum_{s \in S_c} \psi(A(s)) \Big\|^2

:math:`\psi` is a fresh random ConvNet in every step, :math:`A` an augmentation drawn once for both sides. Of rows of a
table :math:`\psi` is a random perceptron, and nothing is augmented.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe, Step
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.scatter import class_moments
from graphdistill.core.training.augment import NO_AUGMENT, Augment
from graphdistill.core.training.fit import Inputs, chunks

PAPER = "Zhao and Bilen, WACV 2023, https://arxiv.org/abs/2110.04181"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "digits, 1 image a class: 0.959 ± 0.014 (random images 0.777 ± 0.061); mnist5k, 1: 0.898 ± 0.012 (random "
        "images 0.583 ± 0.075); breast-cancer, 1 row: 0.974 ± 0.007 (random rows at equal bytes 0.892 ± 0.122)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits mnist5k --per-class 1 --methods "
        "random dm"
    ),
    differs="200 steps and batches of 64, where the paper has 20000 and 256.",
    instead=(
        "At ten images a class of easy data herding comes close and learns nothing: digits 0.987 ± 0.006 against "
        "0.993 ± 0.007."
    ),
)
FOR: tuple[Kind, ...] = ("images", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of DM."""

    lr: float | None = None
    """Step size for one entry of each class (default: 0.1 for images, 1 for rows of a table); it is multiplied by the
    entries of a class, since each gets that share of their mean's gradient. The paper has 1 on images of unit
    deviation, which rows have, too; pixels from 0 to 1 deviate by about 0.3, whose square is 0.1 (on validation of
    digits, one image a class, 0.03 is as good and 1 fails)."""
    batch: int = 64
    """Real entries of each class in a step; the paper has 256, which costs CPUs four times as much."""

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"--batch must be 1 or more, got {self.batch}")
        if self.lr is not None and not self.lr > 0:
            raise ValueError(f"--lr must be above 0, got {self.lr}")


@dataclass(frozen=True)
class MomentMatch:
    """Squared distance of class means of embeddings.

    Attributes:
        batch: real images of each class in a step.
    """

    batch: int = 64

    def accumulate(self, step: Step) -> float:
        """One forward pass of the real images, one forward and backward pass of the set, for all classes at once."""
        view, classes = step.view(), step.real.num_classes
        x, y = step.real.sample(self.batch, step.generator)
        with torch.no_grad():
            theirs = torch.cat([self.compared(step.net, part) for part in chunks(view(x))])
            wanted = class_moments(theirs, y, classes).mean
        ours = class_moments(self.compared(step.net, view(step.synthetic.inputs())), step.synthetic.y, classes).mean
        loss = (ours - wanted).square().sum()
        return step.synthetic.backward(loss)

    def compared(self, net: Any, x: Inputs) -> Tensor:
        """The vectors that are averaged over a class, one for each input, ``[n, d]``."""
        embedding: Tensor = net.embed(x)
        return embedding


def recipe(context: MethodContext, config: Config) -> Recipe:
    """DM's recipe: 200 steps, for CPUs; the paper takes 20000, but most of the gain is in the first ones."""
    rows = context.real.KIND == "rows"
    return Recipe(
        objective=MomentMatch(config.batch),
        schedule=Schedule(),
        augment=NO_AUGMENT if rows else Augment(),
        steps=200,
        lr=(config.lr or (1.0 if rows else 0.1)) * context.per_class,
    )
