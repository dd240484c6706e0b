"""Evaluation of node sets: a GCN is trained on the set and tested on the nodes of the whole graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.data.tensors import downcast
from graphdistill.core.evaluation.protocol import SetProtocol, TrainingInput, real_set
from graphdistill.core.evaluation.whole import whole_bytes
from graphdistill.core.networks.node_gcn import DEPTH, NodeGCN, Nodes, Propagation, normalize_adjacency, without_loops
from graphdistill.core.randomness import generator
from graphdistill.core.sets.array_payload import gaps
from graphdistill.core.sets.half_precision import half_exponent, round_half, to_half
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.training.fit import FitConfig

DROPOUT = 0.5
"""Dropout of the evaluated networks (Kipf and Welling's value)."""
SAVED = 10_000
"""Nodes that a network must not need to read for a split before they are left out: small graphs are read whole."""


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

    @property
    def linear(self) -> str:
        """Name of the row of linear models."""
        return "logistic regression on features of the same set"

    def build(self, name: str) -> NodeGCN:
        """A network with weights from torch's global generator."""
        return NodeGCN(self.data.x.shape[1], self.num_classes, dropout=DROPOUT)

    def split(self, name: str) -> tuple[Nodes, Tensor]:
        """Nodes of the whole graph and their classes; of a large graph those nodes that the network reads at them."""
        index: Tensor = getattr(self.data, name)
        return self._inputs[name], self.data.y[index]

    @cached_property
    def _inputs(self) -> dict[str, Nodes]:
        return {name: self._around(index) for name, index in self.data.splits.items()}

    def _around(self, index: Tensor) -> Nodes:
        """Input of a network of two layers for some nodes, without what they do not read of a large graph."""
        whole = Nodes(self.propagated_once, self.propagation, index)
        if len(self.data.x) <= SAVED:
            return whole
        nodes, near = self.propagation.around(index)
        if len(nodes) + SAVED > len(self.data.x):
            return whole
        return Nodes(SparseFeatures(self.propagated_once.x[nodes]), near, torch.searchsorted(nodes, index))

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

    def chosen(self, index: Tensor) -> SyntheticSet:
        """Training nodes with propagated features as a set without edges, sorted by class."""
        index = self._by_class(index)
        return real_set(self.rounded[index], self.data.y[index])

    def extra_baselines(self, sets: Sequence[SyntheticSet]) -> dict[str, list[SyntheticSet]]:
        """Further baselines; the means are hard to beat.

        Random nodes of equal number with the edges between them (the literature's baseline), means of random groups of
        training nodes (the initialization of learning), and all training nodes without edges.
        """
        counts = [int(synthetic.labelled.sum()) for synthetic in sets]
        orders = [self.random_order(draw)[:count] for draw, count in enumerate(counts)]
        each = max(1, counts[0] // self.num_classes)
        draws = [generator(draw, "groups of nodes") for draw in range(len(sets))]
        return {
            "random nodes and the edges between them": [self.induced(self._by_class(order)) for order in orders],
            "means of random groups of nodes": [real_set(*self.group_means(each, draw)) for draw in draws],
            "all training nodes, propagated features": [self.chosen(torch.arange(len(self.data.train)))],
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

    def training_split(self) -> TrainingInput:
        """The whole graph with the labels of its training nodes."""
        nodes, y = self.split("train")
        return TrainingInput(nodes, y, class_weights(y), len(self.data.x))

    @cached_property
    def full_bytes(self) -> int:
        """Bytes of the whole graph and of the numbers and classes of its training nodes in the codec."""
        return whole_bytes(graph_arrays(self.data), jobs=self.jobs, progress=self.progress)

    def _by_class(self, index: Tensor) -> Tensor:
        """Nodes at places of the training split, sorted by class, so that the codec needs fewer bytes for them."""
        nodes = self.data.train[index]
        return nodes[self.data.y[nodes].argsort(stable=True)]

    def induced(self, nodes: Tensor, others: Tensor | None = None) -> SyntheticSet:
        """Nodes of the graph and the edges between them as a set, with features that are not propagated.

        Args:
            nodes: labelled nodes, long ``[n]``.
            others: nodes that follow them without a label: their weight is 0. (default: none)
        """
        y = self.data.y[nodes]
        weight = class_weights(y)
        if others is not None:
            nodes = torch.cat([nodes, others])
            y, weight = (torch.cat([values, values.new_zeros(len(others))]) for values in (y, weight))
        place = torch.full((len(self.data.x),), -1)
        place[nodes] = torch.arange(len(nodes))
        edge_index = place[without_loops(self.data.edge_index)]
        edge_index = edge_index[:, (edge_index >= 0).all(dim=0)]
        edge_index = edge_index[:, (edge_index[0] * len(nodes) + edge_index[1]).argsort()]
        edges = edge_index, torch.ones(edge_index.shape[1])
        return SyntheticSet(round_half(self.x[nodes], half_exponent(self.x)), y, weight, edges=edges)


def dense(edge_index: Tensor, edge_weight: Tensor, count: int) -> Tensor:
    """Dense normalized adjacency with self-loops of a weighted graph, ``[count, count]``.

    Example:
        >>> dense(torch.tensor([[0, 1], [1, 0]]), torch.ones(2), 2).round(decimals=4).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    adjacency = torch.zeros(count, count).index_put((edge_index[1], edge_index[0]), edge_weight, accumulate=True)
    return normalize_adjacency(adjacency)


def graph_arrays(data: NodeDataset) -> dict[str, Tensor]:
    """Tensors from which a graph, and the numbers and classes of its training nodes, can be read again without loss.

    Edges are sorted, and of a graph whose edges all run both ways one direction is kept. Of features that are mostly 0
    the places of the others are kept, column by column, as the distance of each from the one before: of words this is
    shorter than rows of zeros and ones, and ten times as fast to code.

    Example:
        >>> x, edges = torch.eye(20), torch.tensor([[0, 1], [1, 0]])
        >>> first, rest = torch.arange(5), torch.arange(5, 20)
        >>> data = NodeDataset("pair", x, edges, torch.arange(20) % 2, first, rest, rest)
        >>> {name: len(values) for name, values in graph_arrays(data).items()}
        {'shape': 2, 'x_gap': 20, 'x': 20, 'edge_gap': 1, 'train_gap': 5, 'y': 5}
    """
    x, (source, target), num_nodes = to_half(data.x), data.edge_index, len(data.x)
    columns = x.T.flatten()
    place = columns.nonzero().view(-1)
    out = {"shape": torch.tensor(x.shape)}
    if 8 * len(place) < len(columns):
        out |= {"x_gap": gaps(place), "x": columns[place]}
    else:
        out["x"] = x
    number = (source * num_nodes + target).sort().values
    if torch.equal(number, (target * num_nodes + source).sort().values):
        number = number[number // num_nodes <= number % num_nodes]
    train = data.train.sort().values
    return {**out, "edge_gap": gaps(number), "train_gap": gaps(train), "y": downcast(data.y[train])}
