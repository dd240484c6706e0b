"""Nodes of one graph for distillation: a graph network as teacher, an MLP or a narrow graph network as student."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.data import Data

from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.data.tensors import to_device
from graphdistill.core.networks.mixed import MixedGNN
from graphdistill.kd.data.view import Kind, Training, View
from graphdistill.kd.inputs import Inputs, names_of
from graphdistill.kd.outputs import Outputs

HIDDEN = 128
"""Width of hidden layers, as in GLNN."""


class NodeView(View):
    """Nodes, which graph networks get as ``x`` and ``edge_index`` of the whole graph, and an MLP as ``x`` of a batch.

    A student is trained on all nodes, with the labels of the training nodes alone (transductive).
    """

    KIND: ClassVar[Kind] = "nodes"
    TRAINING = Training(steps=200, batch_size=100_000, lr=0.01, weight_decay=5e-4, eval_every=4, label_weight=0.0)
    CHUNK = 100_000
    data: NodeDataset

    def __init__(self, data: NodeDataset, device: torch.device | str = "cpu", labelled: Tensor | None = None):
        super().__init__(data, device, labelled)
        self._x, self._edges = to_device((data.x, data.edge_index), self.device)

    @property
    def train(self) -> Tensor:
        """All nodes."""
        return torch.arange(len(self.data.y))

    def inputs(self, index: Tensor) -> Inputs:
        """Features and edges of the whole graph, whatever the nodes: a graph network needs them all."""
        return Inputs("x", {"x": self._x, "edge_index": self._edges})

    def run(
        self, module: nn.Module, index: Tensor, layers: Sequence[str] = (), inputs: Inputs | None = None
    ) -> Outputs:
        """Outputs at nodes: a graph network runs on the whole graph, any other module on the rows of the nodes."""
        inputs = self.inputs(index) if inputs is None else inputs
        wanted, rows = names_of(module), None if self._whole(index) else index.to(self.device)
        if not {"edge_index", "data"} & set(wanted):
            x = inputs["x"] if rows is None else inputs["x"][rows]
            return super().run(module, index, layers, Inputs("x", {"x": x}))
        if "data" in wanted:
            data = Data(inputs["x"], self._edges)
            inputs = Inputs("x", {"x": inputs["x"], "edge_index": self._edges, "data": data})
        found = super().run(module, index, layers, inputs)
        return found._replace(edge_index=self._edges) if rows is None else found.take(rows)

    def _whole(self, index: Tensor) -> bool:
        """Whether the nodes are all nodes in their order."""
        return len(index) == len(self.data.y) and bool((index.diff() == 1).all())


def _gnn(kind: type[nn.Module], width: int, view: NodeView) -> nn.Module:
    return kind(view.data.x.shape[1], width, 2, view.num_classes, dropout=0.5)


def _mlp(width: int, view: NodeView) -> nn.Module:
    made: nn.Module = pyg.MLP([view.data.x.shape[1], width, view.num_classes], dropout=0.5, norm=None)
    return made


NodeView.TEACHERS = {
    "GCN": partial(_gnn, pyg.GCN, HIDDEN),
    "GraphSAGE": partial(_gnn, pyg.GraphSAGE, HIDDEN),
    "GAT": partial(_gnn, pyg.GAT, HIDDEN),
}


def _mixed_gnn(view: NodeView) -> nn.Module:
    return MixedGNN(view.data.x.shape[1], 16, view.num_classes)


NodeView.STUDENTS = {
    "MLP": partial(_mlp, HIDDEN),
    "GCN-16": partial(_gnn, pyg.GCN, 16),
    "mixed-GNN": _mixed_gnn,
}
