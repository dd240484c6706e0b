r"""Ridge: rows from which kernel ridge regression predicts the real labels, as kernel inducing points (KIP) do.

.. math:: L = \frac{1}{|T|} \Big\| K_{TS} \Big(K_{SS} + \lambda \frac{\mathrm{tr} K_{SS}}{|S|} I\Big)^{-1} Y_S
    - Y_T \Big\|^2

:math:`K` is the tangent kernel of an infinitely wide perceptron,
:func:`~graphdistill.condense.matching.ridge.arc_cosine`, on features in deviations and a constant 1 in place of biases.
No network is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe, Step
from graphdistill.condense.matching.ridge import arc_cosine, centred, ridge
from graphdistill.core.methods import MethodConfig, Result

PAPER = "KIP-like: Nguyen et al., ICLR 2021, https://arxiv.org/abs/2011.00050"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "breast-cancer, 1 row a class: 0.990 ± 0.005 (random rows at equal bytes 0.892 ± 0.122); biased-table, 10: "
        "0.923 ± 0.005 (random rows 0.897 ± 0.023)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets breast-cancer biased-table wine --per-class "
        "1 10 --methods random herding dm ridge --seeds 10"
    ),
    differs="Labels stay as they are, and a perceptron trained on the set is scored, not the kernel's predictions.",
    instead=(
        "herding, which learns nothing: 0.926 ± 0.001 on biased-table with 10 rows; dm on wine with 1, 0.987 ± 0.024."
    ),
)
FOR: tuple[Kind, ...] = ("rows",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of ridge."""

    lr: float = 0.01
    """Step size of Adam, in deviations of each column (on validation of breast-cancer and biased-table 0.953, with 0.03
    0.951)."""
    ridge: float = 0.1
    """Ridge as a share of the kernel's mean diagonal; a guess between the paper's 1e-6 and the 1 of gc-sntk."""
    depth: int = 2
    """Hidden layers of the infinitely wide network, as many as the perceptron has."""
    batch: int = 512
    """Real rows of each class in a step."""

    def __post_init__(self) -> None:
        for name in ("lr", "ridge"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name} must be above 0, got {getattr(self, name)}")
        for name in ("depth", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} must be 1 or more, got {getattr(self, name)}")


@dataclass(frozen=True)
class RowRidge:
    """Squared error on real rows of ridge regression fitted to the set, each class with equal weight.

    Attributes:
        share: ridge, as a share of the kernel's mean diagonal.
        depth: hidden layers of the wide network.
        batch: real rows of each class in a step.
    """

    share: float = 0.1
    depth: int = 2
    batch: int = 512

    def accumulate(self, step: Step) -> float:
        """One solution in closed form, differentiated."""
        synthetic: Any = step.synthetic
        classes = step.real.num_classes
        theirs, y = step.real.sample(self.batch, step.generator)
        ours, theirs = (F.pad(x, (0, 1), value=1.0) for x in (synthetic.inputs(), theirs))
        gram, cross = arc_cosine(ours, ours, self.depth), arc_cosine(theirs, ours, self.depth)
        guess = ridge(gram, cross, centred(synthetic.labels, classes), self.share)
        error = (guess - centred(y, classes)).square().sum(dim=1)
        weight = 1 / y.bincount(minlength=classes)[y].double() / classes
        return step.synthetic.backward((error * weight).sum())


def recipe(context: MethodContext, config: Config) -> Recipe:
    """The recipe: 100 steps of Adam that begin with random rows, whose labels stay."""
    return Recipe(
        objective=RowRidge(config.ridge, config.depth, config.batch),
        schedule=None,
        steps=100,
        lr=config.lr,
        optimizer="adam",
    )
