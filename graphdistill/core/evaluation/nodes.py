"""Evaluation of node sets: a GCN is trained on the set and tested on the nodes of the whole graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor
from torch_geometric.utils import subgraph

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.data.tensors import downcast, tensor_bytes
from graphdistill.core.evaluation.protocol import SetProtocol, TrainingInput, real_set
from graphdistill.core.networks.node_gcn import DEPTH, NodeGCN, Nodes, Propagation, normalize_adjacency, without_loops
from graphdistill.core.randomness import class_balanced_order, generator
from graphdistill.core.sets.half_precision import half_exponent, round_half
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.training.fit import FitConfig

DROPOUT = 0.5
"""Dropout of the evaluated networks (Kipf and Welling's value)."""


@dataclass(frozen=True, kw_only=True)
class NodeProtocol(SetProtocol[NodeDataset]):
    """Evaluation of node sets; attributes are those of :class:`~graphdistill.core.evaluation.protocol.SetProtocol`.

    As in the GCN's paper, rows of nonnegative features are scaled to sum to 1, and dropout is 0.5.
    """

    fit: FitConfig = field(
        default_factory=lambda: FitConfig(
            steps=300, batch_size=1 << 30, eval_every=10, patience=30, lr=0.01, weight_decay=0.05
        )
    )

    networks: tuple[str, ...] = ("GCN",)

    NETWORKS: ClassVar[tuple[str, ...]] = ("GCN",)
    UNIT: ClassVar[str] = "nodes"
    LINEAR: ClassVar[str] = "logistic regression on features of the same set"

    @cached_property
    def propagation(self) -> Propagation:
        """Propagation over the whole graph."""
        return Propagation(self.data.edge_index, len(self.data.x))

    @cached_property
    def x(self) -> Tensor:
        """Features of all nodes; nonnegative rows are scaled to sum to 1."""
        x = self.data.x
        return x if bool((x < 0).any()) else x / x.sum(dim=1, keepdim=True).clamp(min=1e-12)

    @cached_property
    def propagated_once(self) -> SparseFeatures:
        """Features propagated once: the input of the first layer."""
        return SparseFeatures(self.propagation(self.x))

    @cached_property
    def propagated(self) -> Tensor:
        """Features propagated once per layer of the network."""
        return self.propagation(self.propagated_once.x, DEPTH - 1)

    @cached_property
    def exponent(self) -> Tensor:
        """Exponent of the power of two that scales each stored column, long ``[F]``."""
        return half_exponent(self.propagated)

    @cached_property
    def rounded(self) -> Tensor:
        """Propagated features rounded to 16 bits: the features of a node without edges."""
        return round_half(self.propagated, self.exponent)

    def build(self, name: str) -> NodeGCN:
        """A network with weights from torch's global generator."""
        return NodeGCN(self.data.x.shape[1], self.num_classes, dropout=DROPOUT)

    def split(self, name: str) -> tuple[Nodes, Tensor]:
        """Nodes of the whole graph and their classes."""
        index: Tensor = getattr(self.data, name)
        return Nodes(self.propagated_once, self.propagation, index), self.data.y[index]

    def inputs(self, synthetic: SyntheticSet) -> Nodes:
        """The nodes of a set, with its edges if it has any."""
        assert isinstance(synthetic.data, Tensor)
        if synthetic.edges is None:
            return Nodes(synthetic.data)
        adjacency = dense(*synthetic.edges, len(synthetic))
        return Nodes(adjacency @ synthetic.data, adjacency)

    def flat(self, what: SyntheticSet | str) -> Tensor:
        """Propagated features."""
        if isinstance(what, str):
            return self.rounded[getattr(self.data, what)]
        nodes = self.inputs(what)
        assert isinstance(nodes.x, Tensor)
        return nodes.propagate(nodes.x)

    def random_sets(self, budget: int, draws: int) -> list[SyntheticSet]:
        """Random training nodes with propagated features and no edges."""
        y = self.labels("train")
        one = real_set(self.rounded[:1], y[:1]).nbytes
        count = min(len(y), max(self.num_classes, budget // one))
        return [self._alone(self.data.train[self._order(draw)[:count]]) for draw in range(draws)]

    def extra_baselines(self, sets: Sequence[SyntheticSet]) -> dict[str, list[SyntheticSet]]:
        """Further baselines; the means are hard to beat.

        Random nodes of equal number with the edges between them (the literature's baseline), means of random groups of
        training nodes (the initialization of learning), and all training nodes without edges.
        """
        orders = [self.data.train[self._order(draw)[: len(synthetic)]] for draw, synthetic in enumerate(sets)]
        each = max(1, len(sets[0]) // self.num_classes)
        draws = [generator(draw, "groups of nodes") for draw in range(len(sets))]
        return {
            "random nodes and the edges between them": [self._induced(order) for order in orders],
            "means of random groups of nodes": [real_set(*self.group_means(each, draw)) for draw in draws],
            "all training nodes, propagated features": [self._alone(self.data.train)],
        }

    def group_means(self, per_class: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mean propagated features and classes of random groups of training nodes of one class.

        Args:
            per_class: groups per class; a class with fewer nodes has one group per node.
            generator: draws the groups.

        Returns:
            Float ``[n, F]`` in 16 bits, and long ``[n]``.
        """
        x, y = self.rounded[self.data.train], self.labels("train")
        means, labels = [], []
        for label in range(self.num_classes):
            members = (y == label).nonzero().view(-1)
            members = members[torch.randperm(len(members), generator=generator)]
            groups = members.tensor_split(min(per_class, len(members)))
            means += [x[group].mean(dim=0) for group in groups]
            labels += [label] * len(groups)
        return round_half(torch.stack(means), self.exponent), torch.tensor(labels)

    def full(self) -> TrainingInput:
        """The whole graph with the labels of its training nodes; only non-zero features count as bytes."""
        (nodes, y), x = self.split("train"), self.data.x
        row, column = x.nonzero(as_tuple=True)
        values = downcast(x[row, column].long()) if torch.equal(x, x.round()) else x[row, column]
        sparse = tensor_bytes(downcast(torch.bincount(row, minlength=len(x))), downcast(column), values)
        half = self.data.edge_index[:, : self.data.edge_index.shape[1] // 2]
        count = min(sparse, tensor_bytes(x)) + tensor_bytes(downcast(half), downcast(self.data.train), downcast(y))
        return TrainingInput(nodes, y, class_weights(y), count, len(x))

    def _order(self, draw: int) -> Tensor:
        return class_balanced_order(self.labels("train"), generator(draw, "random nodes"))

    def _alone(self, index: Tensor) -> SyntheticSet:
        return real_set(self.rounded[index], self.data.y[index])

    def _induced(self, index: Tensor) -> SyntheticSet:
        edge_index, _ = subgraph(index, without_loops(self.data.edge_index), num_nodes=len(self.data.x))
        place = torch.full((len(self.data.x),), -1)
        place[index] = torch.arange(len(index))
        y = self.data.y[index]
        edges = place[edge_index], torch.ones(edge_index.shape[1])
        return SyntheticSet(round_half(self.x[index], half_exponent(self.x)), y, class_weights(y), edges=edges)


def dense(edge_index: Tensor, edge_weight: Tensor, count: int) -> Tensor:
    """Dense normalized adjacency with self-loops of a weighted graph, ``[count, count]``.

    Example:
        >>> dense(torch.tensor([[0, 1], [1, 0]]), torch.ones(2), 2).round(decimals=4).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    adjacency = torch.zeros(count, count).index_put((edge_index[1], edge_index[0]), edge_weight, accumulate=True)
    return normalize_adjacency(adjacency)
