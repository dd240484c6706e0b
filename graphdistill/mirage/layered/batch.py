"""Layered batches: graphs as distinct trees, with the attributes of a PyG batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphdistill.core.data.tensors import to_device
from graphdistill.core.trees.forest import Forest
from graphdistill.mirage.layered.layers import Edges, Layers
from graphdistill.mirage.layered.model import running
from graphdistill.mirage.layered.source import Source
from graphdistill.mirage.layered.tree_tensor import TreeTensor, tag


class LosslessBatch:
    """Graphs with a row per distinct tree, which a PyG model takes like a batch.

    Args:
        forest: the graphs.
        source: what they were read from; of its attributes those at ``index`` are taken.
        index: which graphs these are, long ``[G]``. (default: all)
        accelerate: use this library's segment operations instead of PyG's.

    Attributes:
        x: features of nodes, a row per distinct tree of depth 0.
        edge_index: stands for the edges; convolutions take it, and nothing else.
        edge_attr: edge features, a row per distinct value, or ``None``.
        batch: the graph of each node, for readouts.
    """

    def __init__(self, forest: Forest, source: Source, index: Tensor | None = None, *, accelerate: bool = False):
        self._forest, self._source, self._accelerate = forest, source, accelerate
        self.attributes = {name: _at(value, index) for name, value in source.attributes.items()}
        self.layers = Layers(forest, loops=source.loops, fast=accelerate)
        trees = forest.trees
        x = trees.x[:, :-1] if source.loops else trees.x
        self.x: TreeTensor = tag(x.squeeze(1) if "x" in source.flat else x, self.layers.trees[0])
        self.edge_index = Edges.of(self.layers)
        self.edge_attr: TreeTensor | None = None
        if not source.bare and trees.edge_attr is not None and self.layers.edges is not None:
            attr = trees.edge_attr[:, :-1] if source.loops else trees.edge_attr
            self.edge_attr = tag(attr.squeeze(1) if "edge_attr" in source.flat else attr, self.layers.edges)
        self.batch = self.layers.batch

    @property
    def num_graphs(self) -> int:
        """Number of graphs."""
        return len(self._forest)

    def __len__(self) -> int:
        return 4 + len(self.attributes)

    def __contains__(self, name: str) -> bool:
        return name in ("x", "edge_index", "edge_attr", "batch") or name in self.attributes

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "attributes":
            raise AttributeError(name)
        if name in self.attributes:
            return self.attributes[name]
        if name in self._source.absent:
            raise AttributeError(
                f"{name} {self._source.absent[name]}, and trees are made of x and edge_attr alone; append it to these, "
                f"or train on ordinary batches"
            )
        raise AttributeError(
            f"a layered batch has no {name}; it has x, edge_index, edge_attr, batch, num_graphs"
            f"{''.join(', ' + n for n in self.attributes)}"
        )

    def to(self, device: torch.device | str) -> LosslessBatch:
        """The same batch on a device."""
        out = LosslessBatch(self._forest.to(device), self._source, accelerate=self._accelerate)
        out.attributes = {name: to_device(value, device) for name, value in self.attributes.items()}
        return out

    def run(self, model: nn.Module, *inputs: Any, **named: Any) -> Any:
        """Call a PyG model on these graphs, with outputs and gradients as on an ordinary batch.

        Args:
            model: the model, whose parameters are used in place.
            inputs: what it is called with. (default: this batch)
            named: the same by name.

        Raises:
            ValueError: the model mixes nodes in a way that cannot be exact, is on another device or of another dtype,
                or passes messages more or less often than the trees are deep.
        """
        if not inputs and not named:
            inputs = (self,)
        with running(model):
            return model(*inputs, **named)


def _at(value: Any, index: Tensor | None) -> Any:
    if index is None:
        return value
    return value[index] if isinstance(value, Tensor) else [value[i] for i in index.tolist()]
