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
from graphdistill.core.networks.tree_convs import CONVS
from graphdistill.core.trees.forest import Forest

Network = Literal["GCN", "GraphSAGE", "GAT", "GIN"]
Norm = Literal["batch", "layer", "none"]


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
            self.running_var.lerp_(var * total / (total - 1).clamp(min=1e-12), momentum)
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


SUM_SCALE = 32
"""Sums over a graph's nodes are divided by it: about the nodes of a molecule, so that sums have the scale of means."""


class GNN(nn.Module):
    r"""A graph classifier on counted computation trees; exact on lossless forests.

    All depths are read, as in jumping knowledge networks with concatenation (Xu et al., ICML 2018,
    https://arxiv.org/abs/1806.03536), each by mean and sum over the nodes of a graph, and an MLP maps them to logits:

    .. math:: z = \big\Vert_{k=0}^{L} \Big(\frac{1}{|V|} \sum_{v \in V} h_k(v) \,\Big\Vert\,
        \frac{1}{32} \sum_{v \in V} h_k(v)\Big), \quad
        \mathrm{logits} = W_2 \, \mathrm{relu}(\mathrm{norm}(W_1 z + b_1)) + b_2

    with :math:`h_0` the encoded features and :math:`h_k = \mathrm{relu}(\mathrm{norm}(\mathrm{conv}_k(h_{k-1})))`.

    Args:
        network: ``GCN``, ``GraphSAGE``, ``GAT`` or ``GIN``.
        sample: graphs, or features and edge features, that the encoders are sized for; a categorical column gets as
            many categories as its largest value needs, so pass all data, not a subset.
        features: ``ogb`` for OGB's atom and bond encoders, ``categorical`` or ``continuous``.
        out_channels: number of logits.
        hidden_channels: width of all layers. (default: 64)
        num_layers: rounds of message passing; the forests need this depth. (default: 2)
        norm: ``layer``, ``batch`` or ``none``; batch statistics of a layer are those over nodes (weighted by counts),
            of the MLP those over graphs. (default: ``batch``)
        dropout: probability after each layer. (default: 0)

    Shapes:
        - **input:** a forest of G graphs
        - **output:** logits ``[G, out_channels]``

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.trees.build import build_forest
        >>> pair = Data(x=torch.tensor([[6], [8]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> graphs = Graphs.from_data_list([pair, pair])
        >>> GNN("GIN", graphs, "categorical", 3)(build_forest(graphs, 2)).shape
        torch.Size([2, 3])
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
        dropout: float = 0.0,
    ):
        super().__init__()
        if network not in CONVS:
            raise ValueError(f"network must be one of {', '.join(CONVS)}, got {network!r}")
        x, edge_attr = (sample.x, sample.edge_attr) if isinstance(sample, Graphs) else sample
        kind = {"layer": nn.LayerNorm, "batch": WeightedBatchNorm, "none": nn.Identity}[norm]
        self.encoder = _encoder(x, features, hidden_channels, edges=False)
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for _ in range(num_layers):
            edges = None if edge_attr is None else _encoder(edge_attr, features, hidden_channels, edges=True)
            self.convs.append(CONVS[network](hidden_channels, edges))
            self.norms.append(kind(hidden_channels))
        self.hidden = nn.Linear(2 * (num_layers + 1) * hidden_channels, hidden_channels)
        self.hidden_norm = kind(hidden_channels)
        self.head = nn.Linear(hidden_channels, out_channels)
        self.dropout = dropout

    def embed(self, forest: Forest) -> list[Tensor]:
        """Embeddings of the trees of each depth from 0 to ``num_layers``, ``[n_k, hidden_channels]``."""
        trees = forest.trees
        if len(self.convs) != trees.depth:
            raise ValueError(
                f"the network has {len(self.convs)} layers but the trees have depth {trees.depth}; "
                f"use forest.cut({len(self.convs)}) or build deeper trees"
            )
        out: list[Tensor] = [self.encoder(trees.x)]
        degrees = [trees.degree[root] for root in trees.roots()]
        counts = forest.multiplicity(out[0].dtype)
        for k, level in enumerate(trees.levels):
            h = self.convs[k](out[-1], level, trees.edge_attr, (degrees[k], degrees[k + 1]))
            out.append(self._activate(h, self.norms[k], counts[k + 1]))
        return out

    def forward(self, forest: Forest) -> Tensor:
        """Logits of every graph of the forest."""
        pooled = []
        for h, readout in zip(self.embed(forest), forest.readouts, strict=True):
            total = readout.sum(h)
            pooled += [total / forest.num_nodes.to(h.dtype).clamp(min=1e-12)[:, None], total / SUM_SCALE]
        z: Tensor = self.hidden(torch.cat(pooled, dim=1))
        out: Tensor = self.head(self._activate(z, self.hidden_norm, z.new_ones(len(z))))
        return out

    def _activate(self, h: Tensor, norm: nn.Module, count: Tensor) -> Tensor:
        """Norm, ReLU and dropout of rows that occur ``count`` times."""
        h = norm(h, count) if isinstance(norm, WeightedBatchNorm) else norm(h)
        return F.dropout(F.relu(h), self.dropout, self.training)
