"""Learnt edges between learnt nodes, told from their features by a small network."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.condense.data.learnable import stored_labels
from graphdistill.condense.data.nodes import LearnableNodes
from graphdistill.core.networks.node_gcn import Nodes, normalize_adjacency
from graphdistill.core.sets.half_precision import round_half
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights

WIDTH = 128
"""Hidden width of the network that tells edges (the paper's value)."""
START = -4.0
"""Logit that all edges begin near: nodes begin as good as alone, for their features begin as those of nodes that are
alone. The paper begins with every edge at one half."""
KEEP = 0.5
"""Weight from which on an edge is stored (the paper's value)."""


class PairMLP(nn.Module):
    r"""Weight of the edge between any two nodes (Jin et al., ICLR 2022, https://arxiv.org/abs/2110.07580).

    .. math:: A'_{ij} = \sigma\Big(\frac{m([x_i; x_j]) + m([x_j; x_i])}{2}\Big), \quad A'_{ii} = 0

    m is a perceptron of three layers with batch norm over all pairs. Its first layer is linear in both nodes,
    :math:`W [x_i; x_j] = U x_i + V x_j`, so it costs n products and not :math:`n^2`.

    Args:
        in_channels: number F of features.

    Example:
        >>> PairMLP(3)(torch.rand(4, 3)).shape
        torch.Size([4, 4])
    """

    def __init__(self, in_channels: int):
        super().__init__()
        self.source = nn.Linear(in_channels, WIDTH, bias=False)
        self.target = nn.Linear(in_channels, WIDTH)
        self.hidden = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, 1)
        nn.init.constant_(self.out.bias, START)

    def forward(self, x: Tensor) -> Tensor:
        """Edge weights ``[n, n]`` from 0 to 1 of features ``[n, F]``."""
        u, v = self.source(x), self.target(x)
        h = (u[:, None] + v[None]).flatten(0, 1)
        h = F.relu(F.batch_norm(h, None, None, training=True))
        h = F.relu(F.batch_norm(self.hidden(h), None, None, training=True))
        m = self.out(h).view(len(x), len(x))
        weight = torch.sigmoid((m + m.T) / 2)
        return weight * (1 - torch.eye(len(x)))


class LinkedNodes(LearnableNodes):
    """Learnt nodes with learnt edges; the network's weights are learnt along, as ``edge.*``.

    Args are those of :class:`~graphdistill.condense.data.nodes.LearnableNodes`.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        deviation: Tensor,
        logits: Tensor | None = None,
        exponent: Tensor | None = None,
    ):
        super().__init__(x, y, deviation, logits, exponent)
        self.mlp = PairMLP(x.shape[1])
        self.extra = {f"edge.{name}": value for name, value in self.mlp.named_parameters()}

    def adjacency(self) -> Tensor:
        """Edge weights ``[n, n]``, with gradients; features are told in deviations."""
        weight: Tensor = self.mlp(self.features() / self.deviation.where(self.deviation > 0, torch.inf))
        return weight

    def inputs(self, rows: Tensor | None = None) -> Nodes:
        """All nodes and their edges, and which of the nodes are asked for."""
        spread = normalize_adjacency(self.adjacency())
        return Nodes(spread @ self.features(), spread, rows)

    @torch.no_grad()
    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The nodes in 16 bits a feature, and the edges from a weight of 0.5 on in 16 bits each."""
        y, weight = stored_labels(self.labels), self.adjacency()
        index = (weight >= KEEP).nonzero().T
        edges = index, weight[index[0], index[1]].half().float()
        return SyntheticSet(
            round_half(self.features(), self.exponent), y, class_weights(y), meta=dict(meta or {}), edges=edges
        )
