"""Neighbour sampling in plain torch, for mini-batches of large graphs without pyg-lib."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from graphdistill.core.data.tensors import ranges
from graphdistill.core.scatter import sort_by


class Neighbours:
    """The in-neighbours of every node, for sampling (GraphSAGE: Hamilton et al., NeurIPS 2017).

    Args:
        edge_index: long ``[2, E]``, from source to target.
        num_nodes: number of nodes.

    Example:
        >>> star = Neighbours(torch.tensor([[1, 2, 3], [0, 0, 0]]), 4)
        >>> nodes, edges = star.sample(torch.tensor([0]), [2], torch.Generator().manual_seed(0))
        >>> len(nodes), edges[1].tolist()
        (3, [0, 0])
    """

    def __init__(self, edge_index: Tensor, num_nodes: int):
        order, self.ptr = sort_by(edge_index[1], num_nodes)
        self.source = edge_index[0][order]

    def sample(self, seeds: Tensor, fanout: Sequence[int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sample a subgraph around nodes, with at most ``fanout[k]`` distinct neighbours of each node k steps away.

        Args:
            seeds: distinct nodes, long ``[n]``.
            fanout: number of neighbours at each step; -1 for all.
            generator: draws the neighbours.

        Returns:
            Indices of the nodes, seeds first, long ``[m]``, and edges as positions among them, long ``[2, e]``.
        """
        place = torch.full((len(self.ptr) - 1,), -1)
        place[seeds] = torch.arange(len(seeds))
        nodes, frontier, sources, targets = seeds, seeds, [seeds[:0]], [seeds[:0]]
        for most in fanout:
            degree = self.ptr.diff()[frontier]
            slot = ranges(self.ptr[frontier], degree)
            owner = torch.repeat_interleave(frontier, degree)
            if most >= 0:
                # A random order within each node's slots, of which the first ones are kept.
                shuffled = torch.rand(len(slot), generator=generator).argsort()
                order = shuffled[place[owner[shuffled]].sort(stable=True).indices]
                start = torch.repeat_interleave(degree.cumsum(0) - degree, degree)
                kept = order[torch.arange(len(slot)) - start < most]
                slot, owner = slot[kept], owner[kept]
            source = self.source[slot]
            frontier = source[place[source] < 0].unique()
            place[frontier] = torch.arange(len(nodes), len(nodes) + len(frontier))
            nodes = torch.cat([nodes, frontier])
            sources.append(place[source])
            targets.append(place[owner])
        return nodes, torch.stack([torch.cat(sources), torch.cat(targets)])

    def among(self, nodes: Tensor) -> Tensor:
        """All edges among distinct nodes (long ``[n]``), as positions among them, long ``[2, e]``.

        Example:
            >>> path = Neighbours(torch.tensor([[0, 1, 2], [1, 2, 3]]), 4)
            >>> path.among(torch.tensor([3, 2, 0])).tolist()
            [[1], [0]]
        """
        place = torch.full((len(self.ptr) - 1,), -1)
        place[nodes] = torch.arange(len(nodes))
        degree = self.ptr.diff()[nodes]
        edges = torch.stack(
            [
                place[self.source[ranges(self.ptr[nodes], degree)]],
                torch.repeat_interleave(torch.arange(len(nodes)), degree),
            ]
        )
        return edges[:, edges[0] >= 0]


def batches(nodes: Tensor, size: int | None, generator: torch.Generator) -> Iterator[Tensor]:
    """Random batches of ``size`` nodes; one batch of all nodes in order if ``size`` is ``None``.

    Example:
        >>> [len(b) for b in batches(torch.arange(5), 2, torch.Generator().manual_seed(0))]
        [2, 2, 1]
    """
    if size is None:
        yield nodes
    elif size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {size}")
    else:
        yield from nodes[torch.randperm(len(nodes), generator=generator)].split(size)
