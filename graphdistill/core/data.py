"""The real data that every method reads: many graphs as flat tensors, and a data set with its splits.

Shape legend: G graphs, N nodes in all, E directed edges in all, F node features, D edge features, T tasks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.checks import check_classes, check_index, check_integers, check_numbers
from graphdistill.core.digest import Identified
from graphdistill.core.tensors import largest as largest
from graphdistill.core.tensors import narrow as narrow
from graphdistill.core.tensors import pointer as pointer
from graphdistill.core.tensors import ranges as ranges
from graphdistill.core.tensors import strata as strata
from graphdistill.core.tensors import tensor_bytes as tensor_bytes
from graphdistill.core.tensors import to_device as to_device

Task = Literal["multiclass", "multilabel"]
Metric = Literal["rocauc", "accuracy"]
Features = Literal["ogb", "categorical", "continuous"]


@dataclass(frozen=True)
class Graphs:
    """Many graphs collated into flat tensors with slices, in the order of their nodes and edges.

    Attributes:
        x: node features, integer or float ``[N, F]``.
        edge_index: source and target of each directed edge, global node numbers, long ``[2, E]``.
        edge_attr: edge features, integer or float ``[E, D]``, or ``None``.
        node_ptr: first node of each graph and N at the end, long ``[G + 1]``.
        edge_ptr: first edge of each graph and E at the end, long ``[G + 1]``.

    Example:
        >>> path = Data(x=torch.tensor([[6], [8]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> graphs = Graphs.from_data_list([path, path])
        >>> len(graphs), graphs.edge_index.tolist()
        (2, [[0, 1, 2, 3], [1, 0, 3, 2]])
    """

    x: Tensor
    edge_index: Tensor
    edge_attr: Tensor | None
    node_ptr: Tensor
    edge_ptr: Tensor

    @classmethod
    def from_data_list(cls, graphs: Sequence[Data]) -> Graphs:
        """Collate PyG ``Data`` objects that all have the same kinds of features.

        Raises:
            ValueError: a graph has no nodes, no ``x`` while others have one, features of another width or
                type than the first graph's, NaN features, or edges that point outside of it. The message
                names the graph's position.
        """
        if not graphs:
            raise ValueError("graphs: the list is empty; give at least one torch_geometric Data object")
        columns = []
        without = [position for position, graph in enumerate(graphs) if graph.x is None]
        if 0 < len(without) < len(graphs):
            raise ValueError(f"graphs[{without[0]}].x is absent while other graphs have one; give it to all or none")
        for position, graph in enumerate(graphs):
            columns.append(_columns(graph, position))
            for name, first, here in zip(("x", "edge_attr"), columns[0][::2], columns[-1][::2], strict=True):
                if kind_of(first) != kind_of(here):
                    raise ValueError(
                        f"graphs[{position}].{name} is {kind_of(here)} but graphs[0].{name} is {kind_of(first)}; "
                        f"give every graph features of the same width and type"
                    )
        xs, indices, attrs = zip(*columns, strict=True)
        node_ptr = pointer(torch.tensor([len(x) for x in xs]))
        edge_ptr = pointer(torch.tensor([i.shape[1] for i in indices]))
        shift = torch.repeat_interleave(node_ptr[:-1], edge_ptr.diff())
        return cls(
            x=torch.cat(xs),
            edge_index=torch.cat(indices, dim=1) + shift,
            edge_attr=None if attrs[0] is None else torch.cat(attrs),
            node_ptr=node_ptr,
            edge_ptr=edge_ptr,
        )

    def __len__(self) -> int:
        return len(self.node_ptr) - 1

    def __getitem__(self, index: int) -> Data:
        """Graph number ``index`` as a PyG ``Data`` object."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} graphs")
        index %= len(self)
        nodes = slice(int(self.node_ptr[index]), int(self.node_ptr[index + 1]))
        edges = slice(int(self.edge_ptr[index]), int(self.edge_ptr[index + 1]))
        return Data(
            x=self.x[nodes],
            edge_index=self.edge_index[:, edges] - self.node_ptr[index],
            edge_attr=None if self.edge_attr is None else self.edge_attr[edges],
        )

    @property
    def num_nodes(self) -> int:
        """Number of nodes in all graphs together."""
        return int(self.node_ptr[-1])

    @property
    def graph_of_node(self) -> Tensor:
        """Number of the graph that each node belongs to, long ``[N]``."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.x.device), self.node_ptr.diff())

    @property
    def in_degree(self) -> Tensor:
        """Number of edges that end in each node, parallel edges and self-loops counted, long ``[N]``."""
        return torch.bincount(self.edge_index[1], minlength=self.num_nodes)

    def subset(self, index: Tensor) -> Graphs:
        """The graphs numbered ``index`` (long ``[g]``), in that order."""
        nodes, edges = self.node_ptr.diff()[index], self.edge_ptr.diff()[index]
        node_rows = ranges(self.node_ptr[index], nodes)
        edge_rows = ranges(self.edge_ptr[index], edges)
        node_ptr, edge_ptr = pointer(nodes), pointer(edges)
        shift = torch.repeat_interleave(node_ptr[:-1] - self.node_ptr[index], edges)
        return Graphs(
            x=self.x[node_rows],
            edge_index=self.edge_index[:, edge_rows] + shift,
            edge_attr=None if self.edge_attr is None else self.edge_attr[edge_rows],
            node_ptr=node_ptr,
            edge_ptr=edge_ptr,
        )


def _columns(graph: Data, position: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Features, edges and edge features of one user graph, checked and in two dimensions."""
    here = f"graphs[{position}]"
    if not graph.num_nodes:
        raise ValueError(f"{here} has no nodes; remove it or give it at least one node")
    index = graph.edge_index
    if index is None:
        index = torch.empty(2, 0, dtype=torch.long)
    index = index.long()
    if index.numel() and not (0 <= int(index.min()) and int(index.max()) < graph.num_nodes):
        raise ValueError(
            f"{here}.edge_index reaches from {int(index.min())} to {int(index.max())} but the graph has "
            f"{graph.num_nodes} nodes; number them from 0 to {graph.num_nodes - 1}"
        )
    x = graph.x
    if x is None:
        # Without features the in-degree is the usual stand-in; it is what the neighbourhood itself tells.
        x = torch.bincount(index[1], minlength=graph.num_nodes)
    attr = graph.edge_attr
    x = x[:, None] if x.dim() == 1 else x
    if attr is not None:
        attr = attr[:, None] if attr.dim() == 1 else attr
        if len(attr) != index.shape[1]:
            raise ValueError(
                f"{here}.edge_attr has {len(attr)} rows but there are {index.shape[1]} edges; give each edge one row"
            )
    for name, values in (("x", x), ("edge_attr", attr)):
        if values is not None:
            check_numbers(f"{here}.{name}", values, limit=math.inf)
    return x, index, attr


def kind_of(values: Tensor | None) -> str:
    """Width and type of a feature matrix in words, for error messages and to compare collections.

    Example:
        >>> kind_of(torch.zeros(3, 2)), kind_of(None)
        ('float of width 2', 'absent')
    """
    if values is None:
        return "absent"
    return f"{'float' if values.is_floating_point() else 'integer'} of width {values.shape[1]}"


class _Split(Identified):
    """What has a split and is known by its content."""

    @property
    def splits(self) -> dict[str, Tensor]:
        """Numbers of the entries of ``train``, ``valid`` and ``test``."""
        return {name: getattr(self, name) for name in ("train", "valid", "test")}


@dataclass(frozen=True)
class GraphDataset(_Split):
    """Labelled graphs with a train, validation and test split, the task and its metric.

    Attributes:
        name: the name that it was loaded by.
        graphs: all graphs of all splits.
        y: labels, long ``[G]`` (one task, classes from 0) or float ``[G, T]`` of 0, 1 and NaN (many tasks).
        train, valid, test: numbers of the graphs of each split, long.
        metric: ``rocauc`` or ``accuracy``.
        features: ``ogb`` (atom and bond categories of OGB), ``categorical`` (integers) or ``continuous``.
        notes: what a reader of a report should know of the data (source, split, licence).
    """

    name: str
    graphs: Graphs
    y: Tensor
    train: Tensor
    valid: Tensor
    test: Tensor
    metric: Metric
    features: Features
    notes: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if len(self.y) != len(self.graphs):
            raise ValueError(f"y has {len(self.y)} labels but there are {len(self.graphs)} graphs")
        if self.y.dim() == 1:
            if self.y.is_floating_point():
                raise ValueError("y is float of one dimension; give long class numbers, or [G, T] tasks")
            if int(self.y.min()) < 0:
                raise ValueError(f"y holds {int(self.y.min())}; classes are numbered from 0")
            check_classes(self.y, "y")
        elif not (torch.isnan(self.y) | (self.y == 0) | (self.y == 1)).all():
            raise ValueError("y with many tasks may hold 0, 1 and NaN (missing) only")
        check_index(self.splits, len(self.graphs), "graphs")
        for name, values, ptr in (
            ("x", self.graphs.x, self.graphs.node_ptr),
            ("edge_attr", self.graphs.edge_attr, self.graphs.edge_ptr),
        ):
            if values is not None:
                check_numbers(name, values, ptr)
                check_integers(name, values)

    @property
    def task(self) -> Task:
        """``multiclass`` for one label per graph, ``multilabel`` for many yes-or-no tasks."""
        return "multiclass" if self.y.dim() == 1 else "multilabel"

    @property
    def num_outputs(self) -> int:
        """Number of classes (one task) or of tasks (many tasks): the width of a network's output."""
        return int(self.y.max()) + 1 if self.y.dim() == 1 else self.y.shape[1]

    def split(self, name: Literal["train", "valid", "test"]) -> tuple[Graphs, Tensor]:
        """Graphs and labels of one split."""
        index: Tensor = getattr(self, name)
        return self.graphs.subset(index), self.y[index]

    def with_splits(self, train: Tensor, valid: Tensor, test: Tensor) -> GraphDataset:
        """The same data set with other splits."""
        return replace(self, train=train, valid=valid, test=test)


@dataclass(frozen=True)
class NodeDataset(_Split):
    """One graph with labelled nodes and a split of the nodes.

    Attributes:
        name: the name that it was loaded by.
        x: node features, float ``[N, F]``.
        edge_index: source and target of every edge, as a rule both directions; parallel edges count as often as they
            are there, self-loops once, as in PyG's GCN. Long ``[2, E]``.
        y: class of each node, long ``[N]``; -1 for nodes without a label, which no split holds.
        train, valid, test: node numbers of each split, long.
        notes: what a reader of a report should know of the data.
    """

    name: str
    x: Tensor
    edge_index: Tensor
    y: Tensor
    train: Tensor
    valid: Tensor
    test: Tensor
    notes: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.x.dim() != 2 or not self.x.is_floating_point():
            raise ValueError(f"x must be float [N, F], a row for each node, got {self.x.dtype} {list(self.x.shape)}")
        if self.y.shape != self.x.shape[:1] or self.y.dtype != torch.long:
            raise ValueError(f"y must be long [{len(self.x)}], got {self.y.dtype} {list(self.y.shape)}")
        check_index({"edge_index": self.edge_index.reshape(-1)}, len(self.x), "nodes")
        check_index(self.splits, len(self.x), "nodes")
        check_classes(self.y, "y")
        check_numbers("x", self.x)


@dataclass(frozen=True)
class ImageDataset(_Split):
    """Labelled images with a split.

    Attributes:
        name: the name that it was loaded by.
        images: float ``[n, channels, height, width]`` from 0 to 1.
        y: class of each image, long ``[n]``.
        train, valid, test: image numbers of each split, long.
        notes: what a reader of a report should know of the data.
    """

    name: str
    images: Tensor
    y: Tensor
    train: Tensor
    valid: Tensor
    test: Tensor
    notes: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.images.dim() != 4 or not self.images.is_floating_point():
            got = f"{self.images.dtype} {list(self.images.shape)}"
            raise ValueError(f"images must be float [n, channels, height, width], got {got}")
        if self.y.shape != self.images.shape[:1] or self.y.dtype != torch.long:
            raise ValueError(f"y must be long [{len(self.images)}], got {self.y.dtype} {list(self.y.shape)}")
        check_index(self.splits, len(self.images), "images")
        check_classes(self.y, "y")
        check_numbers("images", self.images)


Dataset = GraphDataset | NodeDataset | ImageDataset
"""Data of any kind."""
