"""Many graphs as flat tensors.

Shape legend: G graphs, N nodes in all, E directed edges in all, F node features, D edge features.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphdistill.core.data.checks import check_numbers
from graphdistill.core.data.tensors import ranges, segment_ptr

if TYPE_CHECKING:
    from torch_geometric.data import Data


@dataclass(frozen=True)
class Graphs:
    """Many graphs collated into flat tensors with slices, in the order of their nodes and edges.

    Attributes:
        x: node features, integer or float ``[N, F]``.
        edge_index: source and target of each directed edge as global node indices, long ``[2, E]``.
        edge_attr: edge features, integer or float ``[E, D]``, or ``None``.
        node_ptr: first node of each graph and N at the end, long ``[G + 1]``.
        edge_ptr: first edge of each graph and E at the end, long ``[G + 1]``.

    Example:
        >>> from torch_geometric.data import Data
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
        """Collate PyG ``Data`` objects with the same types of features.

        Raises:
            ValueError: a graph has no nodes, no ``x`` while others have one, features of another width or
                type than the first graph's, NaN features, or edges that point outside of it. The message
                has the graph's position.
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
                want, found = feature_type(first), feature_type(here)
                if found != want:
                    raise ValueError(
                        f"graphs[{position}].{name} is {found} but graphs[0].{name} is {want}; "
                        f"give every graph features of the same width and type"
                    )
        xs, indices, attrs = zip(*columns, strict=True)
        node_ptr = segment_ptr(torch.tensor([len(x) for x in xs]))
        edge_ptr = segment_ptr(torch.tensor([i.shape[1] for i in indices]))
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
        """The graph at ``index`` as a PyG ``Data`` object."""
        from torch_geometric.data import Data  # takes two seconds, and processes that train networks need none

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
        """Total number of nodes."""
        return int(self.node_ptr[-1])

    @property
    def graph_of_node(self) -> Tensor:
        """Index of the graph of each node, long ``[N]``."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.x.device), self.node_ptr.diff())

    @property
    def in_degree(self) -> Tensor:
        """In-degree of each node, with parallel edges and self-loops, long ``[N]``."""
        return torch.bincount(self.edge_index[1], minlength=self.num_nodes)

    def subset(self, index: Tensor) -> Graphs:
        """The graphs at ``index`` (long ``[g]``), in that order."""
        nodes, edges = self.node_ptr.diff()[index], self.edge_ptr.diff()[index]
        node_rows = ranges(self.node_ptr[index], nodes)
        edge_rows = ranges(self.edge_ptr[index], edges)
        node_ptr, edge_ptr = segment_ptr(nodes), segment_ptr(edges)
        shift = torch.repeat_interleave(node_ptr[:-1] - self.node_ptr[index], edges)
        return Graphs(
            x=self.x[node_rows],
            edge_index=self.edge_index[:, edge_rows] + shift,
            edge_attr=None if self.edge_attr is None else self.edge_attr[edge_rows],
            node_ptr=node_ptr,
            edge_ptr=edge_ptr,
        )


def _columns(graph: Data, position: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Checked features, edges and edge features of one user graph, features in two dimensions."""
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
        # Without features the in-degree is the usual replacement.
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


def feature_type(values: Tensor | None) -> str:
    """Type and width of a feature matrix as text, for errors and comparisons.

    Example:
        >>> feature_type(torch.zeros(3, 2)), feature_type(None)
        ('float of width 2', 'absent')
    """
    if values is None:
        return "absent"
    return f"{'float' if values.is_floating_point() else 'integer'} of width {values.shape[1]}"
