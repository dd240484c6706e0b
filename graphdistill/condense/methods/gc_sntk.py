r"""GC-SNTK: nodes from which kernel ridge regression, in place of training a network, learns what the real ones are.

.. math:: L = \frac{1}{|T|} \Big\| K_{TS} \Big(K_{SS} + \lambda \frac{\mathrm{tr} K_{SS}}{|S|} I\Big)^{-1} Y_S
    - Y_T \Big\|^2

:math:`K` is the tangent kernel of an endlessly wide network,
:func:`~graphdistill.condense.ridge.arc_cosine`, on features that were averaged over neighbours. Nothing is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphdistill.condense.objective import Recipe, Setting, Step
from graphdistill.condense.real import Kind
from graphdistill.condense.ridge import DEPTH, arc_cosine, centred, ridge

PAPER = "Wang et al., WWW 2024, https://arxiv.org/abs/2310.11046"
FOR: tuple[Kind, ...] = ("nodes",)


@dataclass(frozen=True)
class KernelRidge:
    """Squared error of ridge regression, which learns from the set, on all real nodes.

    Attributes:
        share: of the kernel's mean diagonal that is added to it.
        depth: hidden layers of the wide network.
    """

    share: float = 1.0
    depth: int = DEPTH

    def accumulate(self, step: Step) -> float:
        """One solution in closed form, differentiated."""
        small: Any = step.small
        x, classes = small.features(), step.real.num_classes
        gram, cross = arc_cosine(x, x, self.depth), arc_cosine(step.real.flat(), x, self.depth)
        guess = ridge(gram, cross, centred(small.labels, classes), self.share)
        loss = (guess - centred(step.real.y, classes)).square().sum(dim=1).mean()
        return step.small.backward(loss)


def recipe(setting: Setting) -> Recipe:
    """GC-SNTK's recipe."""
    return Recipe(objective=KernelRidge(), schedule=None, steps=100, lr=0.01, optimizer="adam")
