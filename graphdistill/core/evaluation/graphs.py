"""Evaluation of graph sets: a GCN is trained on the set and tested on real graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, cast, get_args

import torch
from torch import Tensor

from graphdistill.core.codec import Labels
from graphdistill.core.data.datasets import GraphDataset, Metric
from graphdistill.core.data.feature_encoding import FeatureEncoding, fit_encoding
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.evaluation.protocol import SetProtocol, TrainingInput
from graphdistill.core.evaluation.trees import trivial
from graphdistill.core.networks.graph_gcn import DEPTH
from graphdistill.core.networks.tree_gnn import GNN, Network
from graphdistill.core.sets.budget import graphs_within
from graphdistill.core.sets.quantized import FULL, Precision
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.training.fit import FitConfig
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.graph_forest import graph_forest


@dataclass(frozen=True, kw_only=True)
class GraphSetProtocol(SetProtocol[GraphDataset]):
    """Evaluation of graph sets; attributes are those of :class:`~graphdistill.core.evaluation.protocol.SetProtocol`.

    Learnt graphs have no edge features, so those of the real graphs are left out in every row, with a note.

    Raises:
        ValueError: the data set has many labels for each graph or targets of regression, or a network is unknown.
    """

    fit: FitConfig = field(default_factory=lambda: FitConfig(steps=300, batch_size=128, eval_every=20, patience=10))

    networks: tuple[str, ...] = ("GCN",)

    NETWORKS: ClassVar[tuple[str, ...]] = get_args(Network)
    UNIT: ClassVar[str] = "graphs"

    def __post_init__(self) -> None:
        super().__post_init__()
        data = self.data
        if data.task != "multiclass":
            what = "targets of regression" if data.task == "regression" else f"{data.num_outputs} labels for each graph"
            raise ValueError(
                f"{data.name} has {what}, but sets are distilled class by class; "
                f"choose a data set with one label, such as ogbg-molbace or NCI1, or use python -m graphdistill.mirage"
            )
        if data.graphs.edge_attr is not None:
            notes = f"{data.notes}; edge features are left out in all rows, since learnt graphs have none".lstrip("; ")
            object.__setattr__(self, "data", replace(data, graphs=replace(data.graphs, edge_attr=None), notes=notes))

    @property
    def metric(self) -> Metric:
        """Metric of the data set."""
        return self.data.metric

    @cached_property
    def encoding(self) -> FeatureEncoding:
        """Encoding of node features for linear layers."""
        return fit_encoding(self.data.graphs.x)

    @cached_property
    def graphs(self) -> dict[str, Graphs]:
        """The graphs of every split."""
        return {name: self.data.graphs.subset(getattr(self.data, name)) for name in ("train", "valid", "test")}

    @cached_property
    def forests(self) -> dict[str, Forest]:
        """Lossless forest of every split."""
        return {name: build_forest(graphs, DEPTH) for name, graphs in self.graphs.items()}

    @property
    def linear(self) -> str:
        """Name of the row of linear models."""
        return "logistic regression on mean node features and sizes of the same set"

    def build(self, name: str) -> GNN:
        """A network with weights from torch's global generator."""
        kind = cast(Network, name)
        return GNN(kind, self.data.graphs, self.data.features, self.num_classes, num_layers=DEPTH)

    def split(self, name: str) -> tuple[Forest, Tensor]:
        """Graphs and classes of one split."""
        return self.forests[name], self.labels(name)

    def inputs(self, synthetic: SyntheticSet) -> Forest:
        """The graphs of a set."""
        return synthetic.forest.counts()

    def flat(self, what: SyntheticSet | str) -> Tensor:
        """Mean of the encoded node features, and logarithms of the numbers of nodes and edges, float ``[n, d]``."""
        forest = self.forests[what] if isinstance(what, str) else what.forest
        nodes = forest.cut(0)
        both = torch.cat([self.encoding.encode(nodes.trees.x), nodes.trees.degree[:, None].float()], dim=1)
        total, count = nodes.readouts[0].sum(both), nodes.num_nodes.float()[:, None]
        return torch.cat([total[:, :-1] / count, count.log(), total[:, -1:].log1p()], dim=1)

    def chosen(self, index: Tensor) -> SyntheticSet:
        """The training graphs at ``index`` as a set, stored as graphs, with equal weight for each class."""
        y = self.labels("train")[index]
        forest = graph_forest(self.graphs["train"].subset(index), DEPTH)
        return SyntheticSet(forest, y, class_weights(y), features=self.data.features).as_stored()

    def extra_baselines(self, sets: Sequence[SyntheticSet]) -> dict[str, list[SyntheticSet]]:
        """Random graphs of equal number, whatever their bytes."""
        orders = [self.random_order(draw)[: len(synthetic)] for draw, synthetic in enumerate(sets)]
        return {"random graphs, equal number": [self.chosen(order) for order in orders]}

    @cached_property
    def _everything(self) -> SyntheticSet:
        return self.chosen(torch.arange(len(self.labels("train"))))

    @property
    def full_bytes(self) -> int:
        """Bytes of all training graphs and their labels in the codec."""
        return self._everything.nbytes

    def training_split(self) -> TrainingInput:
        """All training graphs, stored as graphs and trained on as distinct trees."""
        return self.training_input(self._everything)

    def trivial(self, split: str) -> dict[str, Tensor]:
        """Number of nodes under ROC-AUC, the majority class under accuracy."""
        return trivial(self.data, self.forests[split])

    def within(self, order: Tensor, budget: int, precision: Precision = FULL) -> SyntheticSet:
        """The longest prefix of an order that fits; at least one graph of each class."""
        labels = Labels(self.labels("train"))
        index = graphs_within(self.graphs["train"], order, labels, self.data.features, budget)
        return self.chosen(index if len(index) > self.num_classes else order[: self.num_classes])
