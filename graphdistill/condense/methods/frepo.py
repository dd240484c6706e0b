r"""FRePo: data from which ridge regression on features of a network in training predicts the real labels.

.. math:: L = \frac{1}{|T|} \Big\| \psi(T) \psi(S)^\top
    \Big(\psi(S) \psi(S)^\top + \lambda \frac{\mathrm{tr} \, \psi(S) \psi(S)^\top}{|S|} I\Big)^{-1} Y_S - Y_T \Big\|^2

:math:`\psi` is the input of the last layer of a network that is trained on the set between the steps: that layer is
solved for in closed form, all others are held fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe, Step
from graphdistill.condense.matching.ridge import centred, ridge
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.training.fit import chunks

PAPER = "Zhou et al., NeurIPS 2022, https://arxiv.org/abs/2206.00719"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "digits, 1 image a class: 0.937 ± 0.020 (random images 0.777 ± 0.061); planetoid-cora, 10 nodes a class: "
        "0.814 ± 0.008 (random nodes 0.762 ± 0.033); citeseer, 10: 0.736 ± 0.007 (random nodes 0.697 ± 0.010)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits planetoid-cora citeseer --methods "
        "random frepo"
    ),
    differs=(
        "Labels stay as they are, and one network after another is trained, where the paper learns labels and has "
        "a pool of networks."
    ),
    instead="For images use dm: 0.959 ± 0.014, and 0.993 ± 0.007 against 0.973 ± 0.015 with 10 images a class.",
)
FOR: tuple[Kind, ...] = ("images", "nodes")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of FRePo."""

    lr: float | None = None
    """Step size of Adam (default: 0.02 for images, 0.01 deviations of a feature for nodes; on validation of Cora, ten
    of each class, 0.003 gives 0.779 and 0.01 gives 0.792)."""
    ridge: float | None = None
    """Ridge as a share of the mean diagonal (default: 0.001 for images; 1 for nodes, which overfit soon: on validation
    of Cora 0.01 finds nothing better than the random nodes, 0.768). The paper has 1e-6."""
    batch: int = 64
    """Real images of each class in a step; of nodes all are used."""
    matches_per_network: int = 10
    """Steps that a network is matched for; the paper has a pool of networks of different age instead."""
    network_steps: int = 5
    """Training steps on the set between two matches of a network."""

    def __post_init__(self) -> None:
        for name in ("lr", "ridge"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"--{name} must be above 0, got {value}")
        for name in ("batch", "matches_per_network"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be 1 or more, got {getattr(self, name)}")
        if self.network_steps < 0:
            raise ValueError(f"--network-steps must be 0 or more, got {self.network_steps}")


@dataclass(frozen=True)
class FeatureRidge:
    """Squared error on real data of ridge regression on features of a network, fitted to the set.

    Attributes:
        share: ridge, as a share of the mean squared length of features.
        batch: real entries of each class in a step.
    """

    share: float = 1e-3
    batch: int = 64

    def accumulate(self, step: Step) -> float:
        """One forward pass of real data, one forward and backward pass of the set, one solution in closed form."""
        view, classes = step.view(), step.real.num_classes
        x, y = step.real.sample(self.batch, step.generator)
        with torch.no_grad():
            theirs = torch.cat([step.net.embed(part) for part in chunks(view(x))]).double()
        ours = step.net.embed(view(step.synthetic.inputs())).double()
        guess = ridge(ours @ ours.T, theirs @ ours.T, centred(step.synthetic.labels, classes), self.share)
        loss = (guess - centred(y, classes)).square().sum(dim=1).mean()
        return step.synthetic.backward(loss)


def recipe(context: MethodContext, config: Config) -> Recipe:
    """FRePo's recipe: 200 steps of Adam for images, 100 for nodes; labels stay, where the paper learns them.

    On validation of digits, one of each class, 0.92 where random images give 0.77.
    """
    nodes = context.real.KIND == "nodes"
    ridge = config.ridge or (1.0 if nodes else 1e-3)
    return Recipe(
        objective=FeatureRidge(ridge, batch=1 << 30 if nodes else config.batch),
        schedule=Schedule(
            outer=config.matches_per_network, inner=config.network_steps, optimizer="adam" if nodes else "sgd"
        ),
        steps=100 if nodes else 200,
        lr=config.lr or (0.01 if nodes else 0.02),
        optimizer="adam",
    )
