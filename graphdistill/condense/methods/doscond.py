r"""DosCond, one-step gradient matching: whole graphs, whose edges are drawn, on networks that were never trained.

.. math:: L = D\big(\nabla_{\theta_0} \ell(T; \theta_0), \nabla_{\theta_0} \ell(X, A; \theta_0)\big)
    + \beta \max\big(0, \mathrm{mean}\, \sigma(\Theta) - \epsilon\big), \quad
    A_{ij} = \sigma\big((\Theta_{ij} + \log u - \log (1 - u)) / t\big)

Every step has a fresh network :math:`\theta_0` and a fresh draw u, the same for both directions of an edge.
:math:`D` is :func:`~graphdistill.condense.matching.objective.row_distance`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from graphdistill.condense.data.graphs import LearnableGraphs
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting, Step, gradient, row_distance
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.core.methods import MethodConfig

PAPER = "Jin et al., KDD 2022, https://arxiv.org/abs/2206.07746"
FOR: tuple[Kind, ...] = ("graphs",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


@dataclass(frozen=True)
class OneStepMatch:
    """Distance of gradients of graphs whose edges are drawn.

    Attributes:
        batch: real graphs of each class in a step.
        joint: one gradient of all classes together, as DCC has it, instead of one of each.
        hot: temperature of the draws in the first step.
        cold: temperature towards the last one; between them it falls by the same factor in every step.
        beta: weight of the penalty on edges beyond the share of pairs that had one at the start.
    """

    batch: int = 64
    joint: bool = False
    hot: float = 1.0
    cold: float = 0.1
    beta: float = 0.1

    def accumulate(self, step: Step) -> float:
        """A gradient of real graphs and one of the set, which is differentiated again, for each group of classes."""
        small, total = step.small, 0.0
        assert isinstance(small, LearnableGraphs)
        temperature = self.hot * (self.cold / self.hot) ** step.done
        for label in [None] if self.joint else range(step.real.num_classes):
            rows = torch.arange(len(small)) if label is None else (small.y == label).nonzero().view(-1)
            wanted = gradient(step.net, *step.real.draw(self.batch, step.generator, label))
            ours = small.sample(step.generator, temperature, rows)
            loss = row_distance(gradient(step.net, ours, small.labels[rows], differentiable=True), wanted)
            total += small.backward(loss)
        excess = small.theta.sigmoid()[small.pairs].mean() - small.density
        return total + small.backward(self.beta * F.relu(excess))


def recipe(setting: Setting, config: Config) -> Recipe:
    """DosCond's recipe: a fresh network in each of 400 steps of Adam.

    The paper's code: 1000 steps, networks of width 128, step sizes from 0.01 for both features and edges, temperatures
    from 1 to 0.01, and draws that are soft. Here 400 steps of 0.2 that decay by a cosine, since logits begin about 3 to
    7 away from another category (guessed: 0.1 was not run alone). As there, gradients of all classes are matched
    together where the metric is ROC-AUC, and class by class elsewhere.

    Edges stay those of the real graphs that a set begins as: their step size is 0. On ogbg-molbace, networks trained on
    the set know training graphs by 0.745 so (0.664 on what it began as; means of three sets), 0.716 with 0.03, 0.682
    with 0.2, which adds a quarter as many edges again as there were; validation, of 21 graphs in one class, says 0.566,
    0.569 and 0.546. With soft draws validation fell from 0.571 to 0.512 (0.545 class by class, 0.539 features alone).
    """
    return Recipe(
        objective=OneStepMatch(joint=setting.protocol.metric == "rocauc"),
        schedule=Schedule(),
        steps=400,
        lr={"x": 0.2, "theta": 0.0},
        optimizer="adam",
        cosine=True,
    )
