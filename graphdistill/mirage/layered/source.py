"""Graphs as a user has them, read into flat tensors: labels that trees need, and attributes of graphs that travel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs

GraphSource = Graphs | GraphDataset | Sequence[Data]
"""PyG ``Data`` objects in a list or a PyG dataset, or graphs of this library."""


@dataclass(frozen=True)
class Source:
    """Graphs for a forest.

    Attributes:
        graphs: the graphs; with ``loops`` features have a last column that counts the self-loops of a node, and edges
            one that marks them.
        loops: whether there are self-loops.
        flat: names of features, ``x`` or ``edge_attr``, that are numbers and not rows.
        bare: whether edges have no features of the user's.
        attributes: attributes with one row or entry per graph, such as ``y``.
        absent: why other attributes of the graphs do not travel, by name.
    """

    graphs: Graphs
    loops: bool
    flat: frozenset[str]
    bare: bool
    attributes: dict[str, Any]
    absent: dict[str, str]


def read(graphs: GraphSource) -> Source:
    """Read graphs and their attributes.

    Raises:
        ValueError: there is no graph, it has no ``x`` or ``edge_index``, or targets are of nodes or edges.
    """
    attributes: dict[str, Any] = {}
    absent: dict[str, str] = {}
    flat: frozenset[str] = frozenset()
    if isinstance(graphs, GraphDataset):
        attributes, graphs = {"y": graphs.y}, graphs.graphs
    elif not isinstance(graphs, Graphs):
        data = [graphs[i] for i in range(len(graphs))]
        for position, graph in enumerate(data):
            if not isinstance(graph, Data):
                raise ValueError(f"graphs[{position}] is a {type(graph).__name__}; give torch_geometric Data objects")
            for name in ("x", "edge_index"):
                if graph.get(name) is None:
                    raise ValueError(f"graphs[{position}] has no {name}; trees are made of x and edge_index")
        graphs = Graphs.from_data_list(data)
        flat = frozenset(n for n in ("x", "edge_attr") if isinstance(data[0].get(n), Tensor) and data[0][n].dim() == 1)
        attributes, absent = _attributes(data)
    bare = graphs.edge_attr is None
    marked, loops = _mark_loops(graphs)
    return Source(marked, loops, flat, bare, attributes, absent)


def ordinary(source: GraphSource) -> list[Data]:
    """The same graphs as PyG ``Data`` objects, for ordinary batches."""
    if isinstance(source, GraphDataset):
        out = [source.graphs[i] for i in range(len(source.graphs))]
        for graph, y in zip(out, source.y.split(1), strict=True):
            graph.y = y
        return out
    return [source[i] for i in range(len(source))]


def _mark_loops(graphs: Graphs) -> tuple[Graphs, bool]:
    source, target = graphs.edge_index
    mark = (source == target).long()
    if not bool(mark.any()):
        return graphs, False
    count = torch.bincount(target, weights=mark.double(), minlength=graphs.num_nodes)
    x = torch.cat([graphs.x, count[:, None].to(graphs.x.dtype)], dim=1)
    edge_attr = mark[:, None]
    if graphs.edge_attr is not None:
        edge_attr = torch.cat([graphs.edge_attr, edge_attr.to(graphs.edge_attr.dtype)], dim=1)
    return replace(graphs, x=x, edge_attr=edge_attr), True


def _attributes(data: list[Data]) -> tuple[dict[str, Any], dict[str, str]]:
    """Attributes that have one row or entry per graph, and why the others do not travel."""
    attributes, absent = {}, {}
    for name in sorted(data[0].keys()):
        if name in ("x", "edge_index", "edge_attr", "num_nodes"):
            continue
        values = [graph.get(name) for graph in data]
        if not all(isinstance(value, Tensor) for value in values):
            numbers = all(isinstance(value, int | float) for value in values)
            attributes[name] = torch.tensor(values) if numbers else values
            continue
        rows = [1 if value.dim() == 0 else len(value) for value in values]
        kind = None
        if rows != [1] * len(data):
            sizes = {"node": [graph.num_nodes for graph in data], "edge": [graph.num_edges for graph in data]}
            kind = next((kind for kind, size in sizes.items() if rows == size), "")
        if kind is None:
            attributes[name] = torch.cat([value.view(1) if value.dim() == 0 else value for value in values])
        elif name == "y":
            what = f"one target per {kind}" if kind else "targets of several rows per graph"
            raise ValueError(f"y has {what}; lossless training takes one row of targets per graph")
        else:
            absent[name] = f"has a row per {kind}" if kind else "does not have one row per graph"
    return attributes, absent
