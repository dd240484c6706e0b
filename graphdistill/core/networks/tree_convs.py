"""Convolutions on levels of distinct computation trees: GCN, GraphSAGE, GAT and GIN."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.scatter import Segments, segment_max
from graphdistill.core.trees.dictionary import Level


class _Conv(nn.Module):
    """Base of the convolutions: messages over child slots, computed once for each distinct (child, edge) pair."""

    def __init__(self, channels: int, edge_encoder: nn.Module | None):
        super().__init__()
        self.edge_encoder = edge_encoder

    def messages(self, h: Tensor, level: Level, edge_attr: Tensor | None) -> tuple[Tensor, Segments]:
        """Distinct messages, relu(child + edge) or the child, and the sum over the slots of each tree."""
        if self.edge_encoder is None or edge_attr is None:
            return h, level.children(len(h))
        pairs = level.pairs(len(h), len(edge_attr))
        e = self.edge_encoder(edge_attr)
        return F.relu(pairs.child.sum(h) + pairs.edge.sum(e)), pairs.segments


class GINConv(_Conv):
    r"""Graph isomorphism convolution (Xu et al., ICLR 2019, https://arxiv.org/abs/1810.00826).

    With edge features as in Hu et al., 2020:
    :math:`\mathrm{MLP}((1 + \epsilon) h_v + \sum_u \mathrm{relu}(h_u + e_{uv}))`.
    """

    def __init__(self, channels: int, edge_encoder: nn.Module | None):
        super().__init__(channels, edge_encoder)
        self.eps = nn.Parameter(torch.zeros(1))
        self.mlp = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels))

    def forward(self, h: Tensor, level: Level, edge_attr: Tensor | None, degrees: tuple[Tensor, Tensor]) -> Tensor:
        """Embed the trees of ``level`` from ``h``, the embeddings one level below; ``degrees`` are of both levels."""
        message, segments = self.messages(h, level, edge_attr)
        out: Tensor = self.mlp((1 + self.eps) * level.roots(len(h)).sum(h) + segments.sum(message))
        return out


class GraphSAGEConv(_Conv):
    r"""GraphSAGE convolution (Hamilton et al., NeurIPS 2017, https://arxiv.org/abs/1706.02216).

    :math:`W_1 h_v + W_2 \, \mathrm{mean}_u \, \mathrm{relu}(h_u + e_{uv})`.
    """

    def __init__(self, channels: int, edge_encoder: nn.Module | None):
        super().__init__(channels, edge_encoder)
        self.neighbours = nn.Linear(channels, channels)
        self.root = nn.Linear(channels, channels, bias=False)

    def forward(self, h: Tensor, level: Level, edge_attr: Tensor | None, degrees: tuple[Tensor, Tensor]) -> Tensor:
        """Embed the trees of ``level`` from ``h``, the embeddings one level below; ``degrees`` are of both levels."""
        message, segments = self.messages(h, level, edge_attr)
        mean = segments.sum(message) / degrees[1].clamp(min=1).to(h.dtype)[:, None]
        out: Tensor = self.neighbours(mean) + self.root(level.roots(len(h)).sum(h))
        return out


class GCNConv(_Conv):
    r"""Graph convolution (Kipf and Welling, ICLR 2017, https://arxiv.org/abs/1609.02907).

    :math:`W \sum_{u \in N(v) \cup v} h_u / \sqrt{(d_u + 1)(d_v + 1)}` with in-degrees d; edge features are added
    to the message before a ReLU.
    """

    def __init__(self, channels: int, edge_encoder: nn.Module | None):
        super().__init__(channels, edge_encoder)
        self.linear = nn.Linear(channels, channels)

    def forward(self, h: Tensor, level: Level, edge_attr: Tensor | None, degrees: tuple[Tensor, Tensor]) -> Tensor:
        """Embed the trees of ``level`` from ``h``, the embeddings one level below; ``degrees`` are of both levels."""
        source, target = ((d.to(h.dtype) + 1).rsqrt()[:, None] for d in degrees)
        # A positive factor commutes with the ReLU, so the source's factor can be applied before it.
        if self.edge_encoder is None or edge_attr is None:
            total = level.children(len(h)).sum(h * source)
        else:
            pairs = level.pairs(len(h), len(edge_attr))
            message, segments = self.messages(h, level, edge_attr)
            total = segments.sum(message * pairs.child.sum(source))
        out: Tensor = self.linear((total + level.roots(len(h)).sum(h) * target) * target)
        return out


class GATConv(_Conv):
    r"""Graph attention (Velickovic et al., ICLR 2018, https://arxiv.org/abs/1710.10903).

    Softmax over neighbours and self of :math:`\mathrm{leakyrelu}(a_s W h_u + a_t W h_v + a_e e_{uv})`; the
    self-loop takes the mean of the edge terms.
    """

    def __init__(self, channels: int, edge_encoder: nn.Module | None, heads: int = 4):
        super().__init__(channels, edge_encoder)
        self.heads = heads
        self.linear = nn.Linear(channels, channels, bias=False)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.source, self.target, self.edge = (
            nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, channels // heads))) for _ in range(3)
        )

    def forward(self, h: Tensor, level: Level, edge_attr: Tensor | None, degrees: tuple[Tensor, Tensor]) -> Tensor:
        """Embed the trees of ``level`` from ``h``, the embeddings one level below; ``degrees`` are of both levels."""
        e = None if self.edge_encoder is None or edge_attr is None else self.edge_encoder(edge_attr)
        over = level.attention(len(h), None if e is None else len(e), self.heads, h.dtype)
        z = self.linear(h)
        score = over.child.sum(z @ self._per_head(self.source)) + over.root.sum(z @ self._per_head(self.target))
        if e is not None and over.edge is not None:
            score = score + over.edge.sum(e @ self._per_head(self.edge))
        score = F.leaky_relu(score, 0.2)
        with torch.no_grad():
            top = over.parent.sum(segment_max(score, over.entries.ptr))
        score = (score - top).exp()
        score = score * over.parent.sum(1 / over.entries.sum(score))
        heads = z.view(len(h), self.heads, -1).transpose(0, 1).flatten(0, 1)
        total = over.heads.sum(heads, score.T.flatten())
        out: Tensor = total.view(self.heads, len(level.truncated), -1).transpose(0, 1).flatten(1) + self.bias
        return out

    @staticmethod
    def _per_head(vectors: Tensor) -> Tensor:
        """Block-diagonal matrix that maps rows to the dot product of each head with its vector, ``[C, heads]``."""
        out: Tensor = torch.block_diag(*vectors).T
        return out


CONVS = {"GCN": GCNConv, "GraphSAGE": GraphSAGEConv, "GAT": GATConv, "GIN": GINConv}
"""Convolution of each network."""
