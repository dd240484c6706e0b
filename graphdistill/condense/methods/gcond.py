r"""GCond, gradient matching on graphs: synthetic nodes and the edges between them, which a network tells from features.

.. math:: L = \sum_c \frac{N_c}{\max_k N_k}
    D\big(\nabla_\theta \ell(T_c, A; \theta), \nabla_\theta \ell(S_c, A'; \theta)\big)

with :math:`A'` of :class:`~graphdistill.condense.data.structure.PairMLP`. All synthetic nodes are in the graph while
the gradient of one class is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphdistill.condense.data.nodes import RealNodes
from graphdistill.condense.data.structure import LinkedNodes
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting, Step
from graphdistill.condense.methods import gcondx
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator, scoped

PAPER = "Jin et al., ICLR 2022, https://arxiv.org/abs/2110.07580"
FOR: tuple[Kind, ...] = ("nodes",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


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


def recipe(setting: Setting, config: Config) -> Recipe:
    """GCond's recipe.

    Turns of 10 and 40 steps and 0.01 for the network that tells edges are the paper's; features and networks are as in
    GCondX. On validation of cora 0.003 and 0.03 for edges are as good: in so few steps no edge grows to one half, so
    what is stored is nodes alone.
    """
    real = setting.real
    assert isinstance(real, RealNodes)
    x, y = real.protocol.group_means(setting.per_class, generator(setting.seed, "start"))
    with scoped(setting.seed, "structure"):
        start = LinkedNodes(x, y, real.deviation, exponent=real.exponent)
    return replace(gcondx.recipe(setting, gcondx.Config()), objective=TurnMatch(), start=start)
