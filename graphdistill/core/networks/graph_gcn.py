"""Batches of graphs with differentiable edges, and the GCN that graph sets are matched on.

Shape legend: G graphs, N nodes in all, n nodes of the largest graph, F features, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.data.feature_encoding import FeatureEncoding
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import segment_ptr, to_device
from graphdistill.core.networks.node_gcn import Propagation, normalize_adjacency
from graphdistill.core.scatter import segment_mean

HIDDEN = 64
"""Width of hidden layers; DosCond uses 128."""
DEPTH = 3
"""Number of layers, as in DosCond."""


@dataclass(frozen=True)
class GraphBatch:
    """Input of a :class:`GraphGCN`: the nodes of all graphs, and the adjacency that features propagate by.

    Attributes:
        x: encoded features, float ``[N, F]``.
        adjacency: sparse propagation over all graphs, or a dense normalized adjacency ``[G, n, n]`` with gradients.
        sizes: number of nodes of each graph, long ``[G]``; in a dense graph the first rows are nodes, the rest padding.

    Example:
        >>> apart = GraphBatch(torch.rand(3, 2), torch.eye(2).expand(2, 2, 2), torch.tensor([2, 1]))
        >>> len(apart), apart.pool(apart.propagate(apart.x)).shape
        (2, torch.Size([2, 2]))
    """

    x: Tensor
    adjacency: Propagation | Tensor
    sizes: Tensor

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def mask(self) -> Tensor:
        """Mask of the nodes in padded dense graphs, boolean ``[G, n]``."""
        assert isinstance(self.adjacency, Tensor)
        return torch.arange(self.adjacency.shape[-1], device=self.sizes.device) < self.sizes[:, None]

    def to(self, device: torch.device | str) -> GraphBatch:
        """The same batch on a device."""
        return to_device(self, device)

    def propagate(self, h: Tensor) -> Tensor:
        """Propagate hidden values ``[N, D]`` over the graphs."""
        if isinstance(self.adjacency, Propagation):
            return self.adjacency(h)
        padded = h.new_zeros(*self.mask.shape, h.shape[1]).index_put((self.mask,), h)
        return (self.adjacency @ padded)[self.mask]

    def pool(self, h: Tensor) -> Tensor:
        """Mean over the nodes of each graph, ``[G, D]``."""
        return segment_mean(h, segment_ptr(self.sizes))


def batch_of(graphs: Graphs, columns: FeatureEncoding) -> GraphBatch:
    """Batch of real graphs with sparse adjacency.

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.feature_encoding import CategoricalEncoding
        >>> pair = Data(x=torch.tensor([[0], [1]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> batch = batch_of(Graphs.from_data_list([pair]), CategoricalEncoding((2,)))
        >>> batch.propagate(batch.x).round(decimals=4).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    return GraphBatch(
        columns.encode(graphs.x), Propagation(graphs.edge_index, graphs.num_nodes), graphs.node_ptr.diff()
    )


def dense_batch(x: Tensor, adjacency: Tensor, sizes: Tensor) -> GraphBatch:
    """Batch of padded graphs with weighted, dense edges.

    Args:
        x: features, float ``[G, n, F]``; padding is ignored.
        adjacency: weights of edges from 0 to 1, symmetric, no self-loops, float ``[G, n, n]``.
        sizes: number of nodes of each graph, long ``[G]``.
    """
    mask = torch.arange(x.shape[1], device=sizes.device) < sizes[:, None]
    return GraphBatch(x[mask], normalize_adjacency(adjacency), sizes)


class GraphGCN(nn.Module):
    r"""Graph convolutional network with a mean over nodes: :math:`h \gets \mathrm{relu}(\hat A h W + b)`.

    Args:
        in_channels: number F of features.
        num_classes: number C of classes.
        width: width of the hidden layers. (default: 64)
        depth: number of layers before the linear one. (default: 3)

    Example:
        >>> batch = GraphBatch(torch.rand(3, 4), torch.eye(2).expand(2, 2, 2), torch.tensor([2, 1]))
        >>> GraphGCN(4, 5)(batch).shape
        torch.Size([2, 5])
    """

    def __init__(self, in_channels: int, num_classes: int, width: int = HIDDEN, depth: int = DEPTH):
        super().__init__()
        if depth < 1:
            raise ValueError(f"depth must be 1 or more, got {depth}")
        self.layers = nn.ModuleList(nn.Linear(i, width) for i in [in_channels, *[width] * (depth - 1)])
        self.head = nn.Linear(width, num_classes)
        for layer in (*self.layers, self.head):
            assert isinstance(layer, nn.Linear)
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def features(self, graphs: GraphBatch) -> list[Tensor]:
        """Output of every layer, mean over the nodes of each graph, ``[G, width]`` each."""
        out, h = [], graphs.x
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            h = F.relu(graphs.propagate(F.linear(h, layer.weight)) + layer.bias)
            out.append(graphs.pool(h))
        return out

    def embed(self, graphs: GraphBatch) -> Tensor:
        """Input of the linear layer, ``[G, width]``."""
        return self.features(graphs)[-1]

    def forward(self, graphs: GraphBatch) -> Tensor:
        """Logits ``[G, C]``."""
        out: Tensor = self.head(self.embed(graphs))
        return out
