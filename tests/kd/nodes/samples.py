"""What the tests of VQGraph share: a small graph whose classes can be learnt, and random rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.utils import to_undirected

from graphdistill.core.data.datasets import NodeDataset


def rows(count: int, width: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Normal numbers."""
    return torch.randn(count, width, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def small(nodes: int = 60, classes: int = 3, seed: int = 0) -> NodeDataset:
    """Neighbours are mostly of one class and features predict it, noisily; a few nodes are alone."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.arange(nodes) % classes
    same = (y[:, None] == y).double()
    edges = (torch.rand(nodes, nodes, generator=draw) < 0.02 + 0.2 * same).triu(1)
    edges[:, ::10] = edges[::10] = False
    x = torch.eye(classes).repeat(1, 3)[y] + torch.randn(nodes, 3 * classes, generator=draw)
    train, valid, test = torch.randperm(nodes, generator=draw).split([nodes // 3, nodes // 3, nodes - 2 * (nodes // 3)])
    return NodeDataset("small", x, to_undirected(edges.nonzero().T, num_nodes=nodes), y, train, valid, test)


def relative(got: Tensor, want: Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    return float((got.double() - want.double()).abs().max() / want.double().abs().max().clamp(min=1e-30))
