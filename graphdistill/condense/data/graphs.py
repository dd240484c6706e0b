"""Whole graphs: real ones, and learnt ones, which are graphs to networks while their probabilities are learnt.

Shape legend: G graphs, n nodes of the largest learnt graph, F encoded node features, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from graphdistill.condense.data.learnable import LearnableSet, stored_labels
from graphdistill.condense.data.training_data import Kind, TrainingData
from graphdistill.core.data.datasets import FeatureKind
from graphdistill.core.data.feature_encoding import FeatureEncoding, straight_through
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import ranges, segment_ptr
from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.networks.convnet import ConvNetNorm
from graphdistill.core.networks.graph_gcn import DEPTH, GraphBatch, GraphGCN, batch_of, dense_batch
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.trees.graph_forest import graph_forest


class TrainingGraphs(TrainingData):
    """The training graphs.

    Args:
        protocol: the graphs, and how their nodes' features are encoded.

    Attributes:
        graphs: the training graphs, without edge features.
        largest: size limit of graphs that learnt ones are initialized with: the median of all sizes.
    """

    KIND: ClassVar[Kind] = "graphs"
    MOVED: ClassVar[tuple[str, ...]] = ("graphs", "encoding")

    def __init__(self, protocol: GraphSetProtocol):
        super().__init__(protocol.labels("train"), protocol.num_classes)
        self.protocol = protocol
        self.graphs, self.encoding = protocol.graphs["train"], protocol.encoding
        self.largest = int(self.graphs.node_ptr.diff().median())

    def inputs(self, index: Tensor) -> GraphBatch:
        """The training graphs at ``index``."""
        return batch_of(self.graphs.subset(index.to(self.device)), self.encoding)

    def flat(self) -> Tensor:
        """Mean of the encoded node features, and sizes."""
        return self.protocol.flat("train").to(self.device)

    def network(self, norm: ConvNetNorm = "instance") -> GraphGCN:
        """A GCN of three layers and a mean over nodes."""
        return GraphGCN(self.encoding.width, self.num_classes).to(self.device)

    def init_random(self, per_class: int, generator: torch.Generator) -> LearnableGraphs:
        """Random graphs of each class of at most the median size, or the smallest ones if a class has too few."""
        sizes, index = self.graphs.node_ptr.diff().cpu(), []
        for members in self.members:
            ordered = members[sizes[members].sort(stable=True).indices]
            count = max(per_class, int((sizes[members] <= self.largest).sum()))
            index.append(ordered[torch.randperm(count, generator=generator)[:per_class]])
        return self.init_from(torch.cat(index))

    def init_from(self, index: Tensor, logits: Tensor | None = None) -> LearnableGraphs:
        """Graphs to learn."""
        graphs, features = self.graphs.subset(index.to(self.device)), self.protocol.data.features
        return LearnableGraphs(graphs, self.y[index], self.encoding, features, logits)

    def select(self, index: Tensor) -> SyntheticSet:
        """The graphs at ``index``, without edge features."""
        return self.protocol.chosen(index)


class LearnableGraphs(LearnableSet):
    r"""Graphs that are learnt as logits: of each node's categories, and of each pair of nodes of a graph.

    .. math:: P(A_{ij} = 1) = P(A_{ji} = 1) = \sigma(\Theta_{ij}), \quad i < j

    Networks see the likeliest categories and edges, so that the matched graphs are the stored ones; gradients are those
    of the probabilities (straight-through). There are no self-loops, parallel edges or directions, and each graph keeps
    its initial number of nodes. Padding is never read, and pairs are stored above the diagonal only.

    Args:
        graphs: initial graphs.
        y: class of each, long ``[G]``.
        columns: how node features are encoded.
        features: how networks encode them.
        logits: first logits of soft labels, float ``[G, C]``. (default: labels are hard)
        edge_logit: first logit of an edge that exists; minus it for one that does not. (default: 5)

    Attributes:
        x: logits of categories (or measures, in deviations), float ``[G, n, F]``.
        theta: logits of edges, float ``[G, n, n]``.
        sizes: number of nodes of each graph, long ``[G]``.
        pairs: whether an entry of ``theta`` is a pair of nodes, boolean ``[G, n, n]``.

    Example:
        >>> from torch_geometric.data import Data
        >>> from graphdistill.core.data.feature_encoding import CategoricalEncoding
        >>> pair = Data(x=torch.tensor([[0], [1]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> pairs = Graphs.from_data_list([pair, pair])
        >>> synthetic = LearnableGraphs(pairs, torch.tensor([0, 1]), CategoricalEncoding((2,)), "categorical")
        >>> synthetic.inputs().x.tolist(), synthetic.freeze().nbytes
        ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], 18)
    """

    def __init__(
        self,
        graphs: Graphs,
        y: Tensor,
        columns: FeatureEncoding,
        features: FeatureKind,
        logits: Tensor | None = None,
        edge_logit: float = 5.0,
    ):
        sizes = graphs.node_ptr.diff()
        most = int(sizes.max())
        mask = torch.arange(most, device=sizes.device) < sizes[:, None]
        start = columns.init_from(graphs.x)
        super().__init__(start.new_zeros(*mask.shape, columns.width).index_put((mask,), start), y, logits)
        self.columns, self.features, self.sizes = columns, features, sizes
        self.pairs = (mask[:, :, None] & mask[:, None, :]).triu(1)
        source, target = graphs.edge_index
        graph = graphs.graph_of_node[source]
        linked = torch.zeros_like(self.pairs)
        linked[graph, source - graphs.node_ptr[graph], target - graphs.node_ptr[graph]] = True
        linked |= linked.mT.clone()
        self.theta = torch.where(linked, edge_logit, -edge_logit).requires_grad_()
        self.density = float(linked[self.pairs].float().mean()) if bool(self.pairs.any()) else 0.0

    @torch.no_grad()
    def with_edge_logit(self, logit: float) -> LearnableGraphs:
        """The same set; the logits of its edges are ``logit``, and minus it for pairs without an edge."""
        self.theta.copy_(torch.where(self.theta > 0, logit, -logit))
        return self

    def parameters(self) -> dict[str, Tensor]:
        """The tensors that are learnt, by name."""
        return {**super().parameters(), "theta": self.theta}

    def inputs(self, index: Tensor | None = None) -> GraphBatch:
        """The likeliest graphs; with gradients."""
        return self._batch(self.theta, index)

    def sample(self, generator: torch.Generator, temperature: float, index: Tensor | None = None) -> GraphBatch:
        r"""Graphs with sampled edges, and the gradient of the binary concrete distribution (Maddison et al., 2017).

        .. math:: A_{ij} = [P_{ij} > 1/2], \quad \nabla A_{ij} = \nabla P_{ij}, \quad
            P_{ij} = \sigma\big((\Theta_{ij} + \log u - \log (1 - u)) / t\big), \quad u \sim U(0, 1)

        Args:
            generator: for u, one number for both directions of an edge.
            temperature: t; the lower, the more gradients are limited to undecided edges.
            index: indices or mask of graphs. (default: all)

        Example:
            >>> from torch_geometric.data import Data
            >>> from graphdistill.core.data.feature_encoding import CategoricalEncoding
            >>> dots = Graphs.from_data_list([Data(x=torch.zeros(2, 1).long())])
            >>> synthetic = LearnableGraphs(dots, torch.tensor([0]), CategoricalEncoding((2,)), "categorical")
            >>> synthetic.sample(torch.Generator().manual_seed(0), 0.5).adjacency.shape
            torch.Size([1, 2, 2])
        """
        u = torch.rand(self.theta.shape, generator=generator).to(self.theta.device)
        # u is never 0, which float32 samples once in 16 million times.
        return self._batch((self.theta + u.logit(eps=1e-6)) / temperature, index)

    def clip(self) -> None:
        """Logits have no limits."""

    @torch.no_grad()
    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The likeliest graphs, on the CPU: the likeliest categories, and edges with a probability above one half."""
        here = self.to("cpu")
        y = stored_labels(here.labels)
        graph, source, target = ((here.theta > 0) & here.pairs).nonzero(as_tuple=True)
        node_ptr = segment_ptr(here.sizes)
        one_way = torch.stack([source, target]) + node_ptr[graph]
        order = torch.cat([graph, graph]).sort(stable=True).indices
        edges = torch.cat([one_way, one_way.flip(0)], dim=1)[:, order]
        edge_ptr = segment_ptr(2 * torch.bincount(graph, minlength=len(self)))
        nodes = ranges(torch.arange(len(self)) * here.x.shape[1], here.sizes)
        x = here.columns.decode(here.x.flatten(0, 1)[nodes])
        forest = graph_forest(Graphs(x, edges, None, node_ptr, edge_ptr), DEPTH)
        return SyntheticSet(forest, y, class_weights(y), features=self.features, meta=dict(meta or {})).as_stored()

    def _batch(self, theta: Tensor, index: Tensor | None) -> GraphBatch:
        chosen = slice(None) if index is None else index
        upper = straight_through(theta > 0, theta.sigmoid())[chosen] * self.pairs[chosen]
        return dense_batch(self.columns.discretize(self.x[chosen]), upper + upper.mT, self.sizes[chosen])
