"""A large graph that is made, not read: a stochastic block model, whose blocks are the classes."""

from __future__ import annotations

import torch

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.randomness import generator

NAME = "sbm-million"
"""Name of the graph."""
NODES = 1_000_000
"""Nodes of the graph."""
FEATURES = 64
"""Features of a node."""
BLOCKS = 10
"""Classes, of equal size on average."""
DEGREE = 10
"""Edges of a node on average, each of which is stored in both directions."""
WITHIN = 0.5
"""Share of the edges whose ends are drawn from one block; the ends of the others are any two nodes."""
SHARES = (0.1, 0.01)
"""Shares of the nodes for training and for validation; all others are for the test."""


def load_blocks(seed: int, nodes: int = NODES) -> NodeDataset:
    r"""A stochastic block model with features :math:`x_v = \mu_{y_v} + e_v, \; \mu, e \sim N(0, 1)` in 16 bits.

    The means are scaled to length 1, so that a node's own features show little of its class.

    Args:
        seed: seed of the graph and of its split.
        nodes: number of nodes. (default: a million)

    Example:
        >>> data = load_blocks(0, nodes=1000)
        >>> data.edge_index.shape, len(data.train), len(data.valid), len(data.test)
        (torch.Size([2, 10000]), 100, 10, 890)
    """
    draw = generator(seed, NAME)
    y = torch.randint(BLOCKS, (nodes,), generator=draw)
    means = torch.nn.functional.normalize(torch.randn(BLOCKS, FEATURES, generator=draw))
    x = torch.randn(nodes, FEATURES, generator=draw)
    for label in range(BLOCKS):
        x[y == label] += means[label]
    edges = nodes * DEGREE // 2
    ends = torch.randint(nodes, (2, edges), generator=draw)
    within = torch.rand(edges, generator=draw) < WITHIN
    # The other end of an edge within a block is any of the nodes of the block of the first.
    order, counts = y.argsort(stable=True), torch.bincount(y, minlength=BLOCKS)
    block = y[ends[0, within]]
    place = (torch.rand(len(block), generator=draw, dtype=torch.double) * counts[block]).long()
    ends[1, within] = order[counts.cumsum(0)[block] - counts[block] + place]
    train, valid = (round(nodes * share) for share in SHARES)
    split = torch.randperm(nodes, generator=draw).split([train, valid, nodes - train - valid])
    first, second, rest = (part.sort().values for part in split)
    return NodeDataset(
        name=NAME,
        x=x.half().float(),
        edge_index=torch.cat([ends, ends.flip(0)], dim=1),
        y=y,
        train=first,
        valid=second,
        test=rest,
        notes=f"stochastic block model of {nodes:,} nodes, {WITHIN:.0%} of the edges drawn within a class",
    )
