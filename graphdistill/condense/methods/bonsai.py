r"""Bonsai: labelled nodes whose trees are typical of many others, with the nodes around them that matter most.

.. math:: v_t = \arg\max_v \Big| R(v) \setminus \bigcup_{s < t} R(v_s) \Big|, \quad
    R(v) = \{u : v \text{ is one of the } k \text{ training nodes of the class of } u \text{ nearest to } u\}

Greedy cover of each class, at least :math:`1 - 1/e` of the best one. Distances are those of computation trees: features
propagated once per layer, without weights, in standard deviations. A chosen node keeps the neighbours within as many
hops as the network has layers that personalised PageRank from all chosen nodes ranks highest, and the edges between
them. Neighbours have no label and are not trained on; features stay words, which are few. Nothing is random but the
nodes that are covered in a large class.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.networks.node_gcn import DEPTH, Propagation
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "Gupta et al., ICLR 2025, https://arxiv.org/abs/2410.17579"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "in full precision, planetoid-cora, 10 nodes a class: 0.781 ± 0.006 in 16,483 bytes (random nodes 0.688 ± "
        "0.028 in 16,046); 2: 0.564 ± 0.006 in 3,279 (0.409 ± 0.121); citeseer, 10: 0.690 ± 0.025 (0.661 ± 0.020)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets planetoid-cora --per-class 2 10 --methods "
        "random bonsai"
    ),
    differs=(
        "Bonsai-like, written from memory: the cover is that of each class, so that classes are balanced; PageRank "
        "ranks the neighbours of all chosen nodes at once; a number of neighbours where the paper has bytes."
    ),
    instead=(
        "In few bits random nodes with propagated features are smaller and better, 0.788 ± 0.005 in 1,761 bytes, and "
        "cgc has 0.806 ± 0.008: use it where real nodes and edges are wanted."
    ),
)
FOR: tuple[Kind, ...] = ("nodes",)
CHUNK = 1 << 24
"""Distances that are computed at once."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of Bonsai."""

    nearest: int = 5
    """Nearest training nodes of its class, itself included, that a node is covered by."""
    neighbours: int = 10
    """Nodes without a label that are kept for each chosen one."""
    restart: float = 0.15
    """Probability that PageRank returns to a chosen node (the usual value)."""
    covered: int = 5000
    """Most training nodes of a class that are covered, drawn at random of more, so that time grows linearly."""

    def __post_init__(self) -> None:
        for name, least in (("nearest", 1), ("neighbours", 0), ("covered", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} must be {least} or more, got {getattr(self, name)}")
        if not 0 < self.restart < 1:
            raise ValueError(f"--restart must be between 0 and 1, got {self.restart}")


def select(context: MethodContext, config: Config) -> SyntheticSet:
    """Chosen nodes of each class, classes one after another, and then their neighbours without a label."""
    real: Any = context.real
    protocol: NodeProtocol = real.protocol
    draws = generator(context.seed, "select")
    x = (real.flat() / real.deviation.where(real.deviation > 0, torch.inf)).cpu()
    chosen = []
    for members in real.members:
        seen = members[torch.randperm(len(members), generator=draws)[: config.covered]]
        reverse = reverse_neighbours(x[members], x[seen], config.nearest)
        chosen.append(members[greedy_cover(reverse, context.per_class)])
    roots = protocol.data.train[torch.cat(chosen)]
    return protocol.induced(roots, neighbours(protocol, roots, config))


def reverse_neighbours(x: Tensor, seen: Tensor, nearest: int) -> list[set[int]]:
    """For each row of ``x``, the rows of ``seen`` that it is one of the ``nearest`` rows of ``x`` to.

    Args:
        x: float ``[n, d]``.
        seen: float ``[m, d]``.
        nearest: number of nearest rows; a row is near itself. All of ``x`` if it has fewer.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [5.0]])
        >>> reverse_neighbours(x, x, 2)
        [{0, 1}, {0, 1, 2}, {2}]
    """
    found: list[set[int]] = [set() for _ in x]
    place = 0
    for part in seen.split(max(1, CHUNK // len(x))):
        near = torch.cdist(part, x).topk(min(nearest, len(x)), largest=False).indices
        for row in near.tolist():
            for candidate in row:
                found[candidate].add(place)
            place += 1
    return found


def greedy_cover(reverse: list[set[int]], size: int) -> Tensor:
    """Index of the sets that together cover most, chosen one after another by what each adds, long ``[size]``.

    Gains only shrink, so that one which is still the largest after it was computed anew need not be compared (Minoux,
    1978). Where nothing is left to cover, all is to be covered once more. Of equal gains the first set is chosen.

    Args:
        reverse: what each candidate covers.
        size: number to choose, at most as many as there are.

    Example:
        >>> greedy_cover([{0, 1}, {1, 2, 3}, {3}, {0}], 3).tolist()
        [1, 0, 2]
    """
    covered: set[int] = set()
    heap = [(-len(nodes), candidate) for candidate, nodes in enumerate(reverse)]
    heapq.heapify(heap)
    chosen: list[int] = []
    while len(chosen) < size:
        _, candidate = heapq.heappop(heap)
        gain = len(reverse[candidate] - covered)
        if heap and (-gain, candidate) > heap[0]:
            heapq.heappush(heap, (-gain, candidate))
        elif gain or not covered:
            chosen.append(candidate)
            covered |= reverse[candidate]
        else:
            covered = set()
            heap = [(-len(reverse[other]), other) for other in [candidate, *(other for _, other in heap)]]
            heapq.heapify(heap)
    return torch.tensor(chosen)


def neighbours(protocol: NodeProtocol, roots: Tensor, config: Config) -> Tensor:
    """Nodes within the reach of the network that PageRank from the roots ranks highest, long, in ascending order."""
    rank = pagerank(protocol.propagation, roots, config.restart)
    reach = torch.zeros_like(rank)
    reach[roots] = 1
    rank[protocol.propagation(reach[:, None], DEPTH).view(-1) == 0] = 0
    rank[roots] = 0
    best = rank.argsort(descending=True, stable=True)[: config.neighbours * len(roots)]
    return best[rank[best] > 0].sort().values


def pagerank(propagation: Propagation, roots: Tensor, restart: float, rounds: int = 20) -> Tensor:
    r"""Personalised PageRank of random walks that begin at the roots and return to them, float ``[N]``; sums to 1.

    .. math:: p \leftarrow \alpha r + (1 - \alpha) (A + I) D^{-1} p, \quad
        (A + I) D^{-1} = D^{1/2} \hat A D^{-1/2}

    Args:
        propagation: the graph, with its self-loops.
        roots: nodes, long ``[n]``.
        restart: probability :math:`\alpha` to return.
        rounds: steps of the power iteration; what is left is below :math:`(1 - \alpha)^{20}`. (default: 20)

    Example:
        >>> pair = Propagation(torch.tensor([[0, 1], [1, 0]]), 2)
        >>> pagerank(pair, torch.tensor([0]), 0.5).round(decimals=4).tolist()
        [0.75, 0.25]
    """
    scale = propagation.segments.ptr.diff().float().sqrt()[:, None]
    start = torch.zeros_like(scale)
    start[roots] = 1 / len(roots)
    start /= scale
    rank = start
    for _ in range(rounds):
        rank = restart * start + (1 - restart) * propagation(rank)
    return (rank * scale).view(-1)
