r"""GCond, gradient matching on graphs: synthetic nodes and the edges between them, which a network tells from features.

.. math:: L = \sum_c \frac{N_c}{\max_k N_k}
    D\big(\nabla_\theta \ell(T_c, A; \theta), \nabla_\theta \ell(S_c, A'; \theta)\big)

with :math:`A'` of :class:`~graphdistill.condense.structure.PairMLP`. All synthetic nodes are in the graph while the
gradient of one class is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphdistill.condense.methods import gcondx
from graphdistill.condense.nodes import RealNodes
from graphdistill.condense.objective import Recipe, Setting, Step
from graphdistill.condense.real import Kind
from graphdistill.condense.structure import LinkedNodes
from graphdistill.core.randomness import generator, scoped

PAPER = "Jin et al., ICLR 2022, https://arxiv.org/abs/2110.07580"
FOR: tuple[Kind, ...] = ("nodes",)


@dataclass(frozen=True)
class TurnMatch(gcondx.NodeGradientMatch):
    """Gradient matching that learns edges and features in turn.

    Attributes:
        edges: steps of a round that are for edges.
        features: steps of a round that are for features.
    """

    edges: int = 10
    features: int = 40

    def accumulate(self, step: Step) -> float:
        """As without edges, and forget the gradients of those whose turn it is not."""
        loss = super().accumulate(step)
        structure = step.number % (self.edges + self.features) < self.edges
        for name, value in step.small.parameters().items():
            if name.startswith("edge") != structure:
                value.grad = None
        return loss


def recipe(setting: Setting) -> Recipe:
    """GCond's recipe."""
    real = setting.real
    assert isinstance(real, RealNodes)
    rows = real.pick(setting.per_class, generator(setting.seed, "start"))
    with scoped(setting.seed, "structure"):
        start = LinkedNodes(real.flat()[rows], real.y[rows], real.deviation)
    rates = {name: 0.01 if name.startswith("edge") else 0.03 for name in start.parameters()}
    return replace(gcondx.recipe(setting), objective=TurnMatch(), start=start, lr=rates)
