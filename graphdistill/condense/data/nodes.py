"""Nodes of one graph: real ones with their graph, and learnt ones without edges or with learnt edges.

A learnt node without edges (structure-free in Zheng et al., NeurIPS 2023) has the information of its neighbourhood in
its features, so it is initialized with features that were averaged over neighbours already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from graphdistill.condense.data.learnable import LearnableSet, stored_labels
from graphdistill.condense.data.training_data import Kind, TrainingData
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.evaluation.protocol import real_set
from graphdistill.core.networks.convnet import ConvNetNorm
from graphdistill.core.networks.node_gcn import NodeGCN, Nodes
from graphdistill.core.sets.half_precision import half_exponent, round_half
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights


class TrainingNodes(TrainingData):
    """The training nodes of a graph.

    Args:
        protocol: the graph, its scaled features and their propagation.
        deviation: unit of each learnt feature, float ``[F]``. (default: its standard deviation)
    """

    KIND: ClassVar[Kind] = "nodes"
    MOVED: ClassVar[tuple[str, ...]] = ("nodes", "rounded", "deviation", "exponent")

    def __init__(self, protocol: NodeProtocol, deviation: Tensor | None = None):
        super().__init__(protocol.labels("train"), protocol.num_classes)
        self.protocol = protocol
        self.nodes = protocol.split("train")[0]
        self.rounded = protocol.rounded[protocol.data.train]
        self.deviation = protocol.rounded.std(dim=0) if deviation is None else deviation
        self.exponent = protocol.exponent

    def inputs(self, index: Tensor) -> Nodes:
        """Training nodes in their graph."""
        return self.nodes.subset(index)

    def flat(self) -> Tensor:
        """Propagated features."""
        return self.rounded

    def network(self, norm: ConvNetNorm = "instance") -> NodeGCN:
        """A GCN without dropout."""
        return NodeGCN(self.deviation.numel(), self.num_classes).to(self.device)

    def init_from(self, index: Tensor, logits: Tensor | None = None) -> LearnableNodes:
        """Nodes to learn."""
        return LearnableNodes(self.flat()[index], self.y[index], self.deviation, logits, self.exponent)

    def init_random(self, per_class: int, generator: torch.Generator) -> LearnableNodes:
        """Means of random groups: the nodes of a class are split into as many groups as it gets synthetic nodes.

        Propagated features are averages already, so their means are plausible nodes, and carry more information than
        one.
        """
        return LearnableNodes(*self.group_means(per_class, generator), self.deviation, exponent=self.exponent)

    def group_means(self, per_class: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mean features and classes of random groups of the nodes of a class."""
        x, y = self.protocol.group_means(per_class, generator)
        return x.to(self.device), y.to(self.device)

    def select(self, index: Tensor) -> SyntheticSet:
        """Nodes with propagated features, without edges."""
        return real_set(self.flat()[index].cpu(), self.y[index].cpu())


class LearnableNodes(LearnableSet):
    r"""Nodes that are learnt in units of the standard deviation of each feature over the real ones.

    .. math:: x_{ij} = x^0_{ij} + \sigma_j z_{ij}

    and steps are taken on z, so that a step size means the same on every graph. On x, Adam's 0.0001 would be 0.03
    deviations of Cora's propagated features (root mean square over columns) and 0.07 of CiteSeer's: a good step on one
    is too large on the other. A constant column is not learnt.

    Args:
        x: first features, float ``[n, F]``.
        y: class of each, long ``[n]``.
        deviation: standard deviation of each feature, float ``[F]``.
        logits: first logits of soft labels, float ``[n, C]``. (default: labels are hard)
        exponent: power of two that each feature is stored in units of, long ``[F]``. (default: as ``x`` needs)

    Example:
        >>> synthetic = LearnableNodes(torch.ones(2, 3), torch.tensor([0, 1]), torch.tensor([1.0, 0.1, 0.0]))
        >>> with torch.no_grad():
        ...     synthetic.x += 1
        >>> synthetic.features()[0].tolist()
        [2.0, 1.100000023841858, 1.0]
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        deviation: Tensor,
        logits: Tensor | None = None,
        exponent: Tensor | None = None,
    ):
        super().__init__(torch.zeros_like(x), y, logits)
        self.origin, self.deviation = x.clone(), deviation
        self.exponent = half_exponent(x) if exponent is None else exponent

    def features(self) -> Tensor:
        """Features ``[n, F]``, with gradients."""
        return self.origin + self.deviation * self.x

    def inputs(self, index: Tensor | None = None) -> Nodes:
        """Nodes without edges."""
        x = self.features()
        return Nodes(x if index is None else x[index])

    def clip(self) -> None:
        """Features of nodes have no limits."""

    @torch.no_grad()
    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The nodes in 16 bits a feature, on the CPU."""
        here = self.to("cpu")
        y = stored_labels(here.labels)
        return SyntheticSet(round_half(here.features(), here.exponent), y, class_weights(y), meta=dict(meta or {}))
