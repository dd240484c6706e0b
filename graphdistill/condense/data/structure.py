"""Learnt edges between learnt nodes, predicted from their features by a small network."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.condense.data.learnable import stored_labels
from graphdistill.condense.data.nodes import LearnableNodes
from graphdistill.core.networks.node_gcn import Nodes, normalize_adjacency
from graphdistill.core.sets.half_precision import round_half
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights


class PairMLP(nn.Module):
    r"""Weight of the edge between any two nodes (Jin et al., ICLR 2022, https://arxiv.org/abs/2110.07580).

    .. math:: A'_{ij} = \sigma\Big(\frac{m([x_i; x_j]) + m([x_j; x_i])}{2}\Big), \quad A'_{ii} = 0

    m is a perceptron of three layers with batch norm over all pairs. Its first layer is linear in both nodes,
    :math:`W [x_i; x_j] = U x_i + V x_j`, so it costs n products and not :math:`n^2`.

    Args:
        in_channels: number F of features.
        width: hidden width. (default: 128, the paper's value)
        first_logit: logit that all edges begin near. (default: -4, so that nodes begin without edges, as their features
            do; the paper begins with 0)

    Example:
        >>> PairMLP(3)(torch.rand(4, 3)).shape
        torch.Size([4, 4])
    """

    def __init__(self, in_channels: int, width: int = 128, first_logit: float = -4.0):
        super().__init__()
        self.source = nn.Linear(in_channels, width, bias=False)
        self.target = nn.Linear(in_channels, width)
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)
        nn.init.constant_(self.out.bias, first_logit)

    def forward(self, x: Tensor) -> Tensor:
        """Edge weights ``[n, n]`` from 0 to 1 of features ``[n, F]``."""
        u, v = self.source(x), self.target(x)
        h = (u[:, None] + v[None]).flatten(0, 1)
        h = F.relu(F.batch_norm(h, None, None, training=True))
        h = F.relu(F.batch_norm(self.hidden(h), None, None, training=True))
        m = self.out(h).view(len(x), len(x))
        weight = torch.sigmoid((m + m.T) / 2)
        return weight * (1 - torch.eye(len(x), device=x.device))


class LinkedNodes(LearnableNodes):
    """Learnt nodes with learnt edges; the weights of the network that predicts edges are learnt, too, as ``edge.*``.

    Args:
        x: first features, as all arguments up to ``exponent`` in
            :class:`~graphdistill.condense.data.nodes.LearnableNodes`.
        y: class of each.
        deviation: standard deviation of each feature.
        logits: first logits of soft labels.
        exponent: power of two that each feature is stored in units of.
        width: hidden width of the network that predicts edges. (default: 128)
        first_logit: logit that all edges begin near. (default: -4)
        threshold: smallest weight of an edge that is stored. (default: 0.5, the paper's value)
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        deviation: Tensor,
        logits: Tensor | None = None,
        exponent: Tensor | None = None,
        *,
        width: int = 128,
        first_logit: float = -4.0,
        threshold: float = 0.5,
    ):
        super().__init__(x, y, deviation, logits, exponent)
        self.threshold = threshold
        self.mlp = PairMLP(x.shape[1], width, first_logit).to(x.device)
        self.extra = {f"edge.{name}": value for name, value in self.mlp.named_parameters()}

    def to(self, device: torch.device | str) -> Self:
        """The same nodes if they are on the device already, else a copy there with the network that predicts edges."""
        out = super().to(device)
        if out is not self:
            out.mlp = copy.deepcopy(self.mlp).to(device)
            out.extra = {f"edge.{name}": value for name, value in out.mlp.named_parameters()}
        return out

    def adjacency(self) -> Tensor:
        """Edge weights ``[n, n]``, with gradients; the network reads features in standard deviations."""
        weight: Tensor = self.mlp(self.features() / self.deviation.where(self.deviation > 0, torch.inf))
        return weight

    def inputs(self, index: Tensor | None = None) -> Nodes:
        """All nodes and their edges, and the index of the nodes whose predictions are wanted."""
        spread = normalize_adjacency(self.adjacency())
        return Nodes(spread @ self.features(), spread, index)

    @torch.no_grad()
    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The nodes, 16 bits a feature, and the edges whose weight reaches the threshold, 16 bits each; on the CPU."""
        here = self.to("cpu")
        y, weight = stored_labels(here.labels), here.adjacency()
        index = (weight >= here.threshold).nonzero().T
        edges = index, weight[index[0], index[1]].half().float()
        return SyntheticSet(
            round_half(here.features(), here.exponent), y, class_weights(y), meta=dict(meta or {}), edges=edges
        )
