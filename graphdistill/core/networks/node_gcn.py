"""Nodes of one graph as input of a network, and the GCN that node sets are evaluated with.

Shape legend: N nodes, F features, E directed edges, n nodes with outputs, C classes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.data.tensors import ranges, segment_ptr, to_device
from graphdistill.core.scatter import Segments, sort_by

HIDDEN = 64
"""Width of hidden layers."""
DEPTH = 2
"""Number of layers, and so of hops in a node's receptive field."""


class Propagation:
    r"""GCN propagation, the normalized average over neighbours and self: :math:`\hat D^{-1/2} (A + I) \hat D^{-1/2} X`.

    Kipf and Welling, ICLR 2017, https://arxiv.org/abs/1609.02907. Twice differentiable.

    Args:
        edge_index: edges, usually in both directions, long ``[2, E]``. Every node has one self-loop, present or not;
            parallel edges count repeatedly, as in PyG's ``GCNConv``.
        num_nodes: number N of nodes.

    Example:
        >>> pair = Propagation(torch.tensor([[0, 1], [1, 0]]), 2)
        >>> pair(torch.tensor([[1.0], [3.0]])).round(decimals=4).tolist()
        [[2.0], [2.0]]
    """

    def __init__(self, edge_index: Tensor, num_nodes: int):
        loops = torch.arange(num_nodes, device=edge_index.device)
        source, target = torch.cat([without_loops(edge_index), loops.expand(2, -1)], dim=1)
        norm = torch.bincount(target, minlength=num_nodes).float().rsqrt()
        order, ptr = sort_by(target, num_nodes)
        self.weight = (norm[source] * norm[target])[order]
        self.segments = Segments(ptr, source[order], num_nodes)

    def to(self, device: torch.device | str) -> Propagation:
        """The same propagation on a device."""
        segments = self.segments.to(device)
        if segments is self.segments:
            return self
        out = copy.copy(self)
        out.weight, out.segments = self.weight.to(device), segments
        return out

    def around(self, index: Tensor) -> tuple[Tensor, Propagation]:
        """The nodes that a propagation at some nodes reads, and the propagation between them.

        Args:
            index: nodes, long ``[n]``; at the others of those that are read the restricted propagation gives 0.

        Returns:
            The nodes in ascending order, long ``[m]``, and the propagation of rows ``[m, F]``, which at the nodes of
            ``index`` is that of the whole graph.

        Example:
            >>> path = Propagation(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), 3)
            >>> nodes, near = path.around(torch.tensor([0]))
            >>> nodes.tolist(), bool(near(torch.ones(2, 1))[0] == path(torch.ones(3, 1))[0])
            ([0, 1], True)
        """
        ptr, source = self.segments.ptr, self.segments.index
        wanted = torch.zeros(len(ptr) - 1, dtype=torch.bool, device=ptr.device)
        wanted[index] = True
        lengths = ptr.diff() * wanted
        entries = ranges(ptr[:-1], lengths)
        read = torch.zeros_like(wanted)
        read[source[entries]] = True  # with its self-loop every node reads itself
        nodes = read.nonzero().view(-1)
        place = torch.full_like(ptr[:-1], -1)
        place[nodes] = torch.arange(len(nodes), device=ptr.device)
        out = copy.copy(self)
        out.weight = self.weight[entries]
        out.segments = Segments(segment_ptr(lengths[nodes]), place[source[entries]], len(nodes))
        return nodes, out

    def __call__(self, x: Tensor, times: int = 1) -> Tensor:
        """Propagate ``x`` (``[N, F]``) ``times`` times."""
        for _ in range(times):
            x = self.segments.sum(x, self.weight)
        return x


def without_loops(edge_index: Tensor) -> Tensor:
    """Edges without self-loops, in their order.

    Example:
        >>> without_loops(torch.tensor([[0, 1, 1], [1, 1, 0]])).tolist()
        [[0, 1], [1, 0]]
    """
    return edge_index[:, edge_index[0] != edge_index[1]]


@dataclass(frozen=True)
class Nodes:
    """Input of a :class:`NodeGCN`: features, the graph, and the nodes to return outputs for.

    Attributes:
        x: features propagated once, ``[N, F]``: the first layer's propagation does not depend on weights.
        adjacency: sparse propagation, a dense normalized adjacency ``[N, N]``, or ``None`` for nodes without edges.
        index: nodes to return outputs for, long ``[n]``. (default: all)

    Example:
        >>> alone = Nodes(torch.rand(4, 3))
        >>> len(alone), len(alone.subset(torch.tensor([0, 2])))
        (4, 2)
    """

    x: Tensor | SparseFeatures
    adjacency: Propagation | Tensor | None = None
    index: Tensor | None = None

    def __len__(self) -> int:
        if self.index is not None:
            return len(self.index)
        return len(self.x.x if isinstance(self.x, SparseFeatures) else self.x)

    def subset(self, index: Tensor) -> Nodes:
        """The same graph with outputs of fewer nodes; ``index`` selects from the current ones."""
        if self.adjacency is None and isinstance(self.x, Tensor):
            return Nodes(self.x[index] if self.index is None else self.x[self.index[index]])
        return replace(self, index=index if self.index is None else self.index[index])

    def to(self, device: torch.device | str) -> Nodes:
        """The same nodes on a device."""
        return to_device(self, device)

    def propagate(self, h: Tensor) -> Tensor:
        """Propagate hidden values ``[N, D]`` over the graph."""
        if self.adjacency is None:
            return h
        return self.adjacency @ h if isinstance(self.adjacency, Tensor) else self.adjacency(h)


def normalize_adjacency(adjacency: Tensor) -> Tensor:
    r"""Normalize a dense adjacency as a GCN does: :math:`\hat D^{-1/2} (A + I) \hat D^{-1/2}`; differentiable.

    Args:
        adjacency: symmetric weights, float ``[..., n, n]``; an existing self-loop keeps its weight, a missing one is
            added, as in PyG's ``GCNConv``.

    Example:
        >>> normalize_adjacency(torch.zeros(2, 2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    full = adjacency + torch.diag_embed((adjacency.diagonal(dim1=-2, dim2=-1) == 0).to(adjacency.dtype))
    norm = full.sum(dim=-1, keepdim=True).rsqrt()
    return norm * full * norm.mT


class NodeGCN(nn.Module):
    r"""Graph convolutional network: :math:`\hat A \, \mathrm{relu}(\hat A X W_1 + b_1) \, W_2 + b_2` and deeper.

    Kipf and Welling, ICLR 2017, https://arxiv.org/abs/1609.02907. On nodes without edges it is a multilayer
    perceptron with the same weights, which structure-free node sets rely on.

    Args:
        in_channels: number F of features.
        num_classes: number C of classes.
        width: width of the hidden layers. (default: 64)
        depth: number of layers. (default: 2)
        dropout: probability at the propagated input of each layer in training. (default: 0)

    Example:
        >>> net = NodeGCN(3, 2)
        >>> net(Nodes(torch.rand(4, 3))).shape
        torch.Size([4, 2])
    """

    def __init__(
        self, in_channels: int, num_classes: int, width: int = HIDDEN, depth: int = DEPTH, dropout: float = 0.0
    ):
        super().__init__()
        if depth < 2:
            raise ValueError(f"depth must be 2 or more, got {depth}")
        self.layers = nn.ModuleList(nn.Linear(i, width) for i in [in_channels, *[width] * (depth - 2)])
        self.head = nn.Linear(width, num_classes)
        self.dropout = dropout
        for layer in (*self.layers, self.head):
            assert isinstance(layer, nn.Linear)
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def features(self, nodes: Nodes) -> list[Tensor]:
        """Propagated output of every hidden layer at the selected nodes, ``[n, width]`` each."""
        out: list[Tensor] = []
        drop = self.dropout if self.training else 0.0
        h: Tensor | SparseFeatures = nodes.x
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            h = h(layer, drop) if isinstance(h, SparseFeatures) else layer(F.dropout(h, drop))
            h = nodes.propagate(F.relu(h))
            out.append(h if nodes.index is None else h[nodes.index])
        return out

    def embed(self, nodes: Nodes) -> Tensor:
        """Input of the last layer, ``[n, width]``."""
        return self.features(nodes)[-1]

    def forward(self, nodes: Nodes) -> Tensor:
        """Logits ``[n, C]``."""
        drop = self.dropout if self.training else 0.0
        out: Tensor = self.head(F.dropout(self.embed(nodes), drop))
        return out
