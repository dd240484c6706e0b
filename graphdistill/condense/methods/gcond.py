r"""GCond, gradient matching on graphs: the gradients that real nodes in their graph and synthetic ones give a GCN.

.. math:: L = \sum_c \frac{N_c}{\max_k N_k}
    D\big(\nabla_\theta \ell(T_c, A; \theta), \nabla_\theta \ell(S_c, A'; \theta)\big)
"""

from __future__ import annotations

from graphdistill.condense.methods.dc import GradientMatch
from graphdistill.condense.objective import Recipe, Setting
from graphdistill.condense.real import Kind
from graphdistill.condense.schedule import Schedule

PAPER = "Jin et al., ICLR 2022, https://arxiv.org/abs/2110.07580"
FOR: tuple[Kind, ...] = ("nodes",)


def recipe(setting: Setting) -> Recipe:
    """GCond's recipe."""
    schedule = Schedule(outer=10, inner=10, optimizer="adam")
    return Recipe(objective=GradientMatch(1 << 30), schedule=schedule, steps=200, lr=0.02, optimizer="adam")
