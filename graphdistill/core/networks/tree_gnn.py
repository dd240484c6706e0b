"""Graph networks on forests of counted computation trees: GCN, GraphSAGE, GAT and GIN.

Every network reads a :class:`~graphdistill.core.trees.forest.Forest`. On a lossless forest outputs and gradients equal
those on the full graphs; `graphdistill.core.trees.build.uncompressed_forest` writes every node as a tree of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from ogb.utils.features import get_atom_feature_dims, get_bond_feature_dims
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from graphdistill.core.data.datasets import FeatureKind
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.scatter import Segments, segment_max
from graphdistill.core.trees.dictionary import Level
from graphdistill.core.trees.forest import Forest

Network = Literal["GCN", "GraphSAGE", "GAT", "GIN"]
Norm = Literal["batch", "layer", "none"]
Readout = Literal["mean", "sum"]


class CategoricalEncoder(nn.Module):
    """Sum of one embedding per integer feature column: a one-hot encoding and a linear layer.

    All embeddings are in one table, so that a call is one lookup. With OGB's sizes and initialization it equals OGB's
    atom or bond encoder.

    Args:
        sizes: number of categories of each column.
        channels: width of the output.

    Example:
        >>> CategoricalEncoder([3], 8)(torch.tensor([[2]])).shape
        torch.Size([1, 8])
    """

    sizes: Tensor

    def __init__(self, sizes: Sequence[int], channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.cat([nn.init.xavier_uniform_(torch.empty(size, channels)) for size in sizes]))
        self.register_buffer("sizes", torch.tensor(sizes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Encode integers ``[n, F]`` to ``[n, channels]``.

        Raises:
            ValueError: a value is negative or too large for the categories of its column.
        """
        x = x.long()
        if bool(((x < 0) | (x >= self.sizes)).any()):
            column = int(((x < 0) | (x >= self.sizes)).any(dim=0).nonzero()[0])
            raise ValueError(
                f"column {column} must hold categories from 0 to {int(self.sizes[column]) - 1}, "
                f"got {int(x[:, column].min())} to {int(x[:, column].max())}"
            )
        return F.embedding_bag(x + (self.sizes.cumsum(0) - self.sizes), self.weight, mode="sum")


class _Linear(nn.Linear):
    """A linear layer for features of any dtype."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to(self.weight.dtype))


def _encoder(values: Tensor, features: FeatureKind, channels: int, edges: bool) -> nn.Module:
    if features == "ogb" and not values.is_floating_point():
        return CategoricalEncoder((get_bond_feature_dims if edges else get_atom_feature_dims)(), channels)
    if values.is_floating_point():
        return _Linear(values.shape[1], channels)
    if len(values) and int(values.min()) < 0:
        raise ValueError(f"categorical features hold {int(values.min())}; number categories from 0, or give floats")
    return CategoricalEncoder([int(column.max()) + 1 if len(column) else 1 for column in values.T], channels)


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


class WeightedBatchNorm(nn.BatchNorm1d):
    """Batch norm weighted by how often each tree occurs: equal to batch norm over all nodes."""

    def forward(self, x: Tensor, count: Tensor | None = None) -> Tensor:
        """Normalise ``x`` (``[n, F]``) by the moments of rows repeated ``count`` (``[n]``) times."""
        if not self.training or count is None:
            return super().forward(x)
        total = count.sum()
        out, mean, var = _Normalise.apply(  # type: ignore[no-untyped-call]
            x, count / total, self.weight, self.bias, self.eps
        )
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(var * total / (total - 1).clamp(min=1), momentum)
        normalised: Tensor = out
        return normalised


class _Normalise(torch.autograd.Function):
    r"""Fused normalization by weighted moments: less than half the time of separate operations.

    With shares :math:`s`, :math:`c = x - \sum_i s_i x_i`, :math:`r = (\sum_i s_i c_i^2 + \epsilon)^{-1/2}` and output
    :math:`c r w + b`, the derivative by x of a loss with derivative g by the output is
    :math:`r w (g_i - s_i (\sum_j g_j + c_i r^2 \sum_j g_j c_j))`.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, share: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean = share @ x
        centred = x - mean
        var = share @ centred.square()
        scale = (var + eps).rsqrt()
        ctx.save_for_backward(centred, share, scale, weight)
        ctx.mark_non_differentiable(mean, var)
        return torch.addcmul(bias, centred, scale * weight), mean, var

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        centred, share, scale, weight = ctx.saved_tensors
        total, slope = gradient.sum(dim=0), (gradient * centred).sum(dim=0)
        common = torch.addcmul(total, centred, scale.square() * slope)
        to_x = torch.addcmul(gradient, share[:, None], common, value=-1).mul_(scale * weight)
        return to_x, None, slope * scale, total, None


_CONVS = {"GCN": GCNConv, "GraphSAGE": GraphSAGEConv, "GAT": GATConv, "GIN": GINConv}


class GNN(nn.Module):
    """A graph classifier on counted computation trees; exact on lossless forests.

    Args:
        network: ``GCN``, ``GraphSAGE``, ``GAT`` or ``GIN``.
        sample: graphs, or features and edge features, that the encoders are sized for; a categorical column gets as
            many categories as its largest value needs, so pass all data, not a subset.
        features: ``ogb`` for OGB's atom and bond encoders, ``categorical`` or ``continuous``.
        out_channels: number of logits.
        hidden_channels: width of all layers. (default: 64)
        num_layers: rounds of message passing; the forests need this depth. (default: 2)
        norm: ``layer``, ``batch`` (count-weighted) or ``none``. (default: ``batch``)
        readout: ``mean`` or ``sum`` over the nodes of a graph. (default: ``mean``)
        dropout: probability after each layer. (default: 0)

    Shapes:
        - **input:** a forest of G graphs
        - **output:** logits ``[G, out_channels]``
    """

    def __init__(
        self,
        network: Network,
        sample: Graphs | tuple[Tensor, Tensor | None],
        features: FeatureKind,
        out_channels: int,
        *,
        hidden_channels: int = 64,
        num_layers: int = 2,
        norm: Norm = "batch",
        readout: Readout = "mean",
        dropout: float = 0.0,
    ):
        super().__init__()
        if network not in _CONVS:
            raise ValueError(f"network must be one of {', '.join(_CONVS)}, got {network!r}")
        x, edge_attr = (sample.x, sample.edge_attr) if isinstance(sample, Graphs) else sample
        self.encoder = _encoder(x, features, hidden_channels, edges=False)
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for _ in range(num_layers):
            edges = None if edge_attr is None else _encoder(edge_attr, features, hidden_channels, edges=True)
            self.convs.append(_CONVS[network](hidden_channels, edges))
            kind = {"layer": nn.LayerNorm, "batch": WeightedBatchNorm, "none": nn.Identity}[norm]
            self.norms.append(kind(hidden_channels))
        self.readout, self.dropout = readout, dropout
        self.head = nn.Linear(hidden_channels, out_channels)

    def embed(self, forest: Forest) -> Tensor:
        """Embedding of every deepest tree, ``[n, hidden_channels]``."""
        trees = forest.trees
        if len(self.convs) != trees.depth:
            raise ValueError(
                f"the network has {len(self.convs)} layers but the trees have depth {trees.depth}; "
                f"use forest.cut({len(self.convs)}) or build deeper trees"
            )
        h: Tensor = self.encoder(trees.x)
        degrees = [trees.degree[root] for root in trees.roots()]
        counts = forest.multiplicity(h.dtype)
        for k, level in enumerate(trees.levels):
            h = self.convs[k](h, level, trees.edge_attr, (degrees[k], degrees[k + 1]))
            norm = self.norms[k]
            h = norm(h, counts[k + 1]) if isinstance(norm, WeightedBatchNorm) else norm(h)
            if k + 1 < len(self.convs):
                h = F.relu(h)
            h = F.dropout(h, self.dropout, self.training)
        return h

    def forward(self, forest: Forest) -> Tensor:
        """Logits of every graph of the forest."""
        h = self.embed(forest)
        pooled = forest.readout.sum(h)
        if self.readout == "mean":
            pooled = pooled / forest.num_nodes.to(h.dtype).clamp(min=1e-12)[:, None]
        out: Tensor = self.head(pooled)
        return out
