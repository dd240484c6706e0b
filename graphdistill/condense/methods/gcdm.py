r"""GCDM, distribution matching on graphs: class means of what random GCNs make of nodes, layer by layer.

.. math:: L = \sum_l \sum_c \Big\| \frac{1}{|T_c|} \sum_{v \in T_c} \psi_l(v; A, X)
    - \frac{1}{|S_c|} \sum_{s \in S_c} \psi_l(s) \Big\|^2

:math:`\psi_l` is what layer l of a fresh GCN reads. Synthetic nodes stand alone, so it is a perceptron on them.
"""

from __future__ import annotations

from graphdistill.condense.methods.dm import MomentMatch
from graphdistill.condense.objective import Recipe, Setting
from graphdistill.condense.real import Kind
from graphdistill.condense.schedule import Schedule

PAPER = "Liu et al., 2022, https://arxiv.org/abs/2206.13697"
FOR: tuple[Kind, ...] = ("nodes",)


def recipe(setting: Setting) -> Recipe:
    """GCDM's recipe."""
    return Recipe(objective=MomentMatch(1 << 30), schedule=Schedule(), steps=200, lr=0.02, optimizer="adam")
