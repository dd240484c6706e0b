"""Raw size of graphs in bytes, which budgets are a fraction of."""

from __future__ import annotations

import torch
from torch import Tensor

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import downcast
from graphdistill.core.trees.wl import hash_rows


def raw_bytes(graphs: Graphs) -> Tensor:
    """Bytes of each graph in plain integers of the smallest size.

    An integer feature column takes the smallest dtype for the whole collection; floats keep theirs. Node indices are
    local to their graph. If every edge has a reverse edge with the same features, each pair is stored once. The
    numbers of nodes and edges of a graph and its label take one byte each if below 256.

    Args:
        graphs: the collection.

    Returns:
        Long ``[G]``.

    Example:
        >>> from torch_geometric.data import Data
        >>> pair = Data(x=torch.tensor([[6], [8]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> raw_bytes(Graphs.from_data_list([pair])).tolist()  # two nodes, one edge of two ends, three numbers
        [7]
    """
    nodes, edges = graphs.node_ptr.diff(), _stored_edges(graphs)
    columns = 0 if graphs.edge_attr is None else _row_bytes(graphs.edge_attr)
    return nodes * _row_bytes(graphs.x) + edges * (2 * _width(nodes) + columns) + _width(nodes) + _width(edges) + 1


def _row_bytes(values: Tensor) -> int:
    """Bytes of one feature row, with the smallest dtype for each column."""
    if not len(values):
        return 0
    return sum(downcast(torch.stack([column.min(), column.max()])).element_size() for column in values.T)


def _width(numbers: Tensor) -> Tensor:
    """Bytes of each number: 1, 2 or 4."""
    return 1 + (numbers > 255).long() + 2 * (numbers > 65535).long()


def every_edge_has_its_twin(graphs: Graphs) -> Tensor:
    """Whether reversing all edges leaves a graph unchanged, including edge features; boolean ``[G]``.

    Example:
        >>> from torch_geometric.data import Data
        >>> arrow = Data(x=torch.tensor([[6], [8]]), edge_index=torch.tensor([[0], [1]]))
        >>> every_edge_has_its_twin(Graphs.from_data_list([arrow])).tolist()
        [False]
    """
    source, target = graphs.edge_index
    # If so, the reversed edges are the same multiset and have the same sum of hashes.
    start, end = hash_rows(torch.arange(graphs.num_nodes)[:, None], salt=4).T.contiguous()
    differ = start[source] * end[target] - start[target] * end[source]
    if graphs.edge_attr is not None:
        differ *= hash_rows(graphs.edge_attr, salt=2)[:, 0] | 1
    graph = torch.repeat_interleave(torch.arange(len(graphs)), graphs.edge_ptr.diff())
    total: Tensor = differ.new_zeros(len(graphs)).index_add_(0, graph, differ)
    return total == 0


def _stored_edges(graphs: Graphs) -> Tensor:
    """Edges to store per graph; if every edge has a reverse edge, each pair is stored once; long ``[G]``."""
    source, target = graphs.edge_index
    graph = torch.repeat_interleave(torch.arange(len(graphs)), graphs.edge_ptr.diff())
    loops = torch.bincount(graph[source == target], minlength=len(graphs))
    edges = graphs.edge_ptr.diff()
    return torch.where(every_edge_has_its_twin(graphs), (edges - loops) // 2 + loops, edges)
