r"""GCondX, gradient matching on graphs: a GCN's gradients of real nodes and of synthetic ones that stand alone.

.. math:: L = \sum_c \frac{N_c}{\max_k N_k}
    D\big(\nabla_\theta \ell(T_c, A; \theta), \nabla_\theta \ell(S_c, I; \theta)\big)

:math:`D` is :func:`~graphdistill.condense.matching.objective.row_distance`. Real nodes are read in their graph.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting, Step, gradient, row_distance
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.core.methods import MethodConfig

PAPER = "Jin et al., ICLR 2022, https://arxiv.org/abs/2110.07580 (its variant GCond-X)"
FOR: tuple[Kind, ...] = ("nodes",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


@dataclass(frozen=True)
class NodeGradientMatch:
    """Distance of gradients, class by class, each weighed by its share of the training nodes; nothing is drawn."""

    def accumulate(self, step: Step) -> float:
        """Two gradients of each class, of which one is differentiated again."""
        real, small, total = step.real, step.small, 0.0
        for label, members in enumerate(real.members):
            rows = (small.y == label).nonzero().view(-1)
            wanted = gradient(step.net, real.inputs(members), real.y[members])
            ours = gradient(step.net, small.inputs(rows), small.labels[rows], differentiable=True)
            share = len(members) / int(real.counts.max())
            total += small.backward(share * row_distance(ours, wanted))
        return total


def recipe(setting: Setting, config: Config) -> Recipe:
    """GCondX's recipe.

    The paper: hundreds of networks of which each is matched 20 times and trained 15 steps between (Adam, 0.01); here 10
    networks, 10 matches and 10 steps, for CPUs. The step is a hundredth of each feature's deviation, as for every
    method on nodes; on validation of cora and citeseer up to ten times as much is as good.
    """
    return Recipe(
        objective=NodeGradientMatch(),
        schedule=Schedule(outer=10, inner=10, optimizer="adam"),
        steps=100,
        lr=0.01,
        optimizer="adam",
    )
