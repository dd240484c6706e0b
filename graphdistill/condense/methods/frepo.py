r"""FRePo: data from which ridge regression on features of a network in training learns what the real ones are.

.. math:: L = \frac{1}{|T|} \Big\| \psi(T) \psi(S)^\top
    \Big(\psi(S) \psi(S)^\top + \lambda \frac{\mathrm{tr} \, \psi(S) \psi(S)^\top}{|S|} I\Big)^{-1} Y_S - Y_T \Big\|^2

:math:`\psi` is what the last layer reads of a network that is trained on the set between the steps: that layer is
solved for, all others are taken as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting, Step
from graphdistill.condense.matching.ridge import RIDGE, centred, ridge
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.core.methods import MethodConfig
from graphdistill.core.training.fit import chunks

PAPER = "Zhou et al., NeurIPS 2022, https://arxiv.org/abs/2206.00719"
FOR: tuple[Kind, ...] = ("images", "nodes")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


@dataclass(frozen=True)
class FeatureRidge:
    """Squared error of ridge regression on a network's features, which learns from the set, on real data.

    Attributes:
        share: of the mean squared length of features that is added to the diagonal.
        batch: real entries of each class in a step.
    """

    share: float = 1e-3
    batch: int = 64

    def accumulate(self, step: Step) -> float:
        """One forward pass of real data, one pass to and fro of the set, one solution in closed form."""
        view, classes = step.view(), step.real.num_classes
        x, y = step.real.draw(self.batch, step.generator)
        with torch.no_grad():
            theirs = torch.cat([step.net.embed(part) for part in chunks(view(x))]).double()
        ours = step.net.embed(view(step.small.inputs())).double()
        guess = ridge(ours @ ours.T, theirs @ ours.T, centred(step.small.labels, classes), self.share)
        loss = (guess - centred(y, classes)).square().sum(dim=1).mean()
        return step.small.backward(loss)


def recipe(setting: Setting, config: Config) -> Recipe:
    """FRePo's recipe.

    The paper: labels learnt too, a pool of networks of different age that a step draws from, and a ridge of 1e-6 of the
    diagonal. Here one network at a time, asked ten times with five training steps between, and labels that stay. Of
    images 0.001 of the diagonal and Adam with 0.02 (on validation of digits, one of each class, 0.92 where random
    images give 0.77). Of nodes, which are soon learnt by heart, it is as large as the diagonal, as for gc-sntk: on
    validation of Cora, ten of each class, two draws, 0.792, where 0.01 of it finds nothing better than the random nodes
    at 0.768, and a step of 0.003 gives 0.779.
    """
    nodes = setting.real.KIND == "nodes"
    return Recipe(
        objective=FeatureRidge(RIDGE, batch=1 << 30) if nodes else FeatureRidge(),
        schedule=Schedule(outer=10, inner=5, optimizer="adam" if nodes else "sgd"),
        steps=100 if nodes else 200,
        lr=0.01 if nodes else 0.02,
        optimizer="adam",
    )
