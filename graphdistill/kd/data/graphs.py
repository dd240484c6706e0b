"""Labelled graphs for distillation: a graph network as teacher, a narrow one as student."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from graphdistill.core.data.datasets import GraphDataset, Metric
from graphdistill.core.data.tensors import to_device
from graphdistill.core.networks.tree_counts import TreeCountNet
from graphdistill.core.networks.tree_gnn import GNN
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.kd.data.view import Kind, Training, View
from graphdistill.kd.inputs import Inputs

DEPTH = 3
"""Layers of the built-in graph networks, and depth of the computation trees that they read."""


class GraphView(View):
    """Graphs, which networks get as ``x, edge_index, edge_attr, batch`` or ``data`` of PyG, or as a ``forest``."""

    KIND: ClassVar[Kind] = "graphs"
    TRAINING = Training(steps=300, batch_size=512, lr=3e-3, weight_decay=1e-4, eval_every=20)
    data: GraphDataset

    def __init__(self, data: GraphDataset, device: torch.device | str = "cpu", labelled: Tensor | None = None):
        if data.task != "multiclass":
            found = "targets of regression" if data.task == "regression" else "many tasks"
            raise ValueError(
                f"{data.name} has {found}, but classes of one task are distilled; give y of long class numbers [G]"
            )
        super().__init__(data, device, labelled)

    @property
    def metric(self) -> Metric:
        """Metric of the data set."""
        return self.data.metric

    @cached_property
    def forest(self) -> Forest:
        """Computation trees of all graphs."""
        return build_forest(self.data.graphs, DEPTH)

    def inputs(self, index: Tensor) -> Inputs:
        """Graphs of entries, as tensors of PyG and as computation trees."""
        return self._inputs(index, lambda: self.forest.subset(index.cpu()))

    def new_inputs(self, index: Tensor) -> Inputs:
        """The same, with the trees of these graphs found anew."""
        return self._inputs(index, lambda: build_forest(self.data.graphs.subset(index.cpu()), DEPTH))

    def _inputs(self, index: Tensor, forest: Callable[[], Forest]) -> Inputs:
        index = index.cpu()

        def pyg_batch() -> Any:
            batch = Batch.from_data_list([self.data.graphs[int(i)] for i in index])
            return batch.to(self.device)

        made = {
            "forest": lambda: to_device(forest(), self.device),
            "data": pyg_batch,
        }
        inputs = Inputs("data", {}, made)
        parts = ("x", "edge_index", "batch", *(() if self.data.graphs.edge_attr is None else ("edge_attr",)))
        inputs.derive({name: partial(getattr_of, inputs, name) for name in parts})
        return inputs


def getattr_of(inputs: Inputs, name: str) -> Any:
    """A tensor of the PyG batch among the inputs."""
    return getattr(inputs["data"], name)


def _gnn(network: Any, width: int, view: GraphView) -> nn.Module:
    data = view.data
    return GNN(network, data.graphs, data.features, view.num_classes, hidden_channels=width, num_layers=DEPTH)


def _tree_counts(hidden: int, view: GraphView) -> nn.Module:
    return TreeCountNet.from_forest(
        view.forest.subset(view.data.train), view.num_classes, depth=DEPTH, hidden_channels=hidden
    )


GraphView.TEACHERS = {name: partial(_gnn, name, 64) for name in ("GIN", "GCN", "GAT", "GraphSAGE")}
GraphView.STUDENTS = {
    "GIN-16": partial(_gnn, "GIN", 16),
    "tree-counts": partial(_tree_counts, 0),
    "tree-counts-mlp": partial(_tree_counts, 64),
}
