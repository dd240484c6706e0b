r"""SFGC, trajectory matching on graphs: nodes that stand alone lead a GCN where the whole graph led it.

.. math:: L = \frac{\|\theta_K(X', I) - \theta^*_{t+M}\|^2}{\|\theta^*_t - \theta^*_{t+M}\|^2}

Experts are GCNs on the whole graph; the student is the same network without a graph. The paper chooses among sets by a
kernel's score; here a GCN on validation does, as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.experts import Training, Window, record_trajectories
from graphdistill.condense.matching.objective import Recipe, Setting
from graphdistill.condense.methods.mtt import LOG_LR, TrajectoryMatch, network_of, student
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator

PAPER = "Zheng et al., NeurIPS 2023, https://arxiv.org/abs/2306.02664"
FOR: tuple[Kind, ...] = ("nodes",)

TRAINING = Training(epochs=40, passes=6, lr=0.3, momentum=0.9)
"""How experts are trained; the paper's 0.4 without momentum takes ten times as many passes."""
EXPERTS = 3
"""Networks trained on the whole graph; the paper has 200."""
WINDOW = Window(2, 20)
"""Epochs to start at: behind them, where experts hardly move, a student's steps lead away from them."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def recipe(setting: Setting, config: Config) -> Recipe:
    """SFGC's recipe.

    The paper: 200 experts of 1000 epochs and more, starts that k-center chooses. Here 3 experts of 240 passes, for
    CPUs, and means of groups to start from: on validation of Cora, ten nodes a class, a GCN has 0.80 of those, 0.79 of
    nodes that herding chooses and 0.70 of k-center's, which are outliers. Matching adds two to nine points to a poor
    start and little to a good one.
    """
    experts = record_trajectories(setting.real, TRAINING, EXPERTS, setting.seed, setting.progress)
    return recipe_of(setting, experts, begin(setting), WINDOW)


def begin(setting: Setting) -> LearnableSet:
    """What learning begins with."""
    return setting.real.begin(setting.per_class, generator(setting.seed, "start"))


def recipe_of(setting: Setting, experts: Tensor, small: LearnableSet, window: Window) -> Recipe:
    """The recipe with experts, a start and a window of one's own.

    Adam at 0.005 deviations of a feature, for 100 steps (the paper: 0.0001, and thousands); 0.03 brings the loss down
    most and loses two points on validation. The student's 15 steps at 0.5, GEOM's size, reach about as far as an
    expert's 6 passes. A student that ends much farther off than it began (2) tells nothing.
    """
    return Recipe(
        objective=TrajectoryMatch(network_of(setting), experts, window, span=1, steps=15, above=2.0),
        schedule=None,
        steps=100,
        lr={"x": 0.005, "logits": 0.02, LOG_LR: 0.02},
        optimizer="adam",
        start=student(small, 0.5),
    )
