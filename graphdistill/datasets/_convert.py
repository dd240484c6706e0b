"""Conversion of PyG graphs: features, edges, masks and labels in their various forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.data.data import BaseData

from graphdistill.core.data.checks import as_numbers, class_labels, fractional, one_hot
from graphdistill.core.data.datasets import TaskName

MASKS = {"train": "train_mask", "valid": "val_mask", "test": "test_mask"}
"""PyG's name of each split."""
LABELLED = "set each graph's label, such as y=torch.tensor([1])"


def graph_items(data: Any) -> list[Data]:
    """The graphs of a list, a data set or another iterable.

    Raises:
        ValueError: it yields other objects, such as batches; the message has the right call.
    """
    kind = type(data).__name__
    if isinstance(data, Batch):
        raise ValueError("name is a Batch, which has joined its graphs; give datasets.load(batch.to_data_list())")
    if hasattr(data, "batch_size") and hasattr(data, "dataset"):
        raise ValueError(f"name is a {kind}, which yields batches; give its data set: datasets.load(loader.dataset)")
    if isinstance(data, BaseData):
        way = "data.to_homogeneous()" if hasattr(data, "to_homogeneous") else "a torch_geometric Data object"
        raise ValueError(f"name is a {kind}; only graphs with one kind of nodes and edges can be loaded: give {way}")
    try:
        items = None if isinstance(data, dict | Tensor | np.ndarray) else iter(data)
    except TypeError:
        items = None
    if items is None:
        raise ValueError(
            f"name is a {kind}; give the name of a data set, a path, a list of torch_geometric Data objects "
            f"or one Data object with masks"
        )
    graphs = list(items)
    for position, graph in enumerate(graphs):
        if isinstance(graph, Batch):
            raise ValueError(f"name[{position}] is a Batch; give its graphs: batch.to_data_list()")
        if not isinstance(graph, Data):
            raise ValueError(f"name[{position}] is a {type(graph).__name__}; give torch_geometric Data objects")
    return graphs


def own_graph(graph: Data, here: str) -> Data:
    """One graph with ``x``, ``edge_index`` and ``edge_attr`` as plain tensors.

    Raises:
        ValueError: they cannot be read, or an attribute would be silently ignored.
    """
    check_positions(graph, here)
    x = features(graph.x, f"{here}.x")
    attr = features(graph.edge_attr, f"{here}.edge_attr")
    edge_index, weight = edges(graph, here)
    check_weight(weight, here)
    if x is not None:
        check_count(graph, len(x), here)
    return Data(x=x, edge_index=edge_index, edge_attr=attr, num_nodes=graph.num_nodes if x is None else len(x))


def check_positions(graph: Data, here: str) -> None:
    """Reject positions without features, because no method reads positions.

    Raises:
        ValueError: there is ``pos`` but no ``x``.
    """
    if graph.x is None and graph.get("pos") is not None:
        raise ValueError(f"{here} has pos but no x; positions are not read as features: set x=pos to have them read so")


def check_count(graph: Data, count: int, here: str) -> None:
    """Reject a ``num_nodes`` that differs from the number of feature rows.

    Raises:
        ValueError: ``num_nodes`` was set and differs.
    """
    if "num_nodes" in graph and graph.num_nodes != count:
        raise ValueError(f"{here}.x has {count} rows but num_nodes is {graph.num_nodes}; give each node one row")


def features(values: Any, what: str) -> Tensor | None:
    """A dense feature matrix from a tensor, array, sparse matrix or column; integers as long, half as single precision.

    Raises:
        ValueError: it has more than two dimensions, no column, or complex numbers.
    """
    if values is None:
        return None
    for method in ("to_dense", "toarray"):  # torch's and torch_sparse's tensors; scipy's matrices
        if hasattr(values, method) and not (isinstance(values, Tensor) and values.layout == torch.strided):
            values = getattr(values, method)()
            break
    matrix = as_numbers(values, what)
    if matrix.dtype in (torch.half, torch.bfloat16):
        matrix = matrix.float()
    matrix = matrix[:, None] if matrix.dim() == 1 else matrix
    if matrix.dim() != 2 or not matrix.shape[1]:
        raise ValueError(f"{what} is {list(matrix.shape)}; give one row of features each, such as by x.flatten(1)")
    return matrix


def edges(graph: Data, here: str) -> tuple[Tensor, Tensor | None]:
    """Edges, from ``adj_t`` if there is no ``edge_index``, and their weights if any.

    Raises:
        ValueError: they are not integers ``[2, E]``.
    """
    weight = graph.get("edge_weight")
    index = graph.edge_index
    if index is None and graph.get("adj_t") is not None:
        adj = graph.adj_t
        if hasattr(adj, "coo"):  # torch_sparse's
            target, source, value = adj.coo()
        else:
            coo = adj.to_sparse_coo().coalesce()
            (target, source), value = coo.indices(), coo.values()
        index, weight = torch.stack([source, target]), value if weight is None else weight
    if index is None:
        return torch.empty(2, 0, dtype=torch.long), weight
    if (isinstance(index, Tensor) and index.layout != torch.strided) or hasattr(index, "coo"):
        raise ValueError(f"{here}.edge_index is a sparse matrix; give it as adj_t, rows the targets of edges")
    index = index.as_tensor() if hasattr(index, "as_tensor") else index  # PyG's EdgeIndex
    if str(getattr(index, "dtype", "")).endswith("bool"):
        raise ValueError(f"{here}.edge_index is boolean; give the ends of edges, of a matrix by matrix.nonzero().T")
    index = as_numbers(index, f"{here}.edge_index")
    if not index.numel():
        index = index.reshape(2, 0)
    if index.dim() != 2 or index.shape[0] != 2:
        transposed = index.dim() == 2 and index.shape[1] == 2
        way = "edge_index.t().contiguous()" if transposed else "sources and targets of the edges"
        raise ValueError(f"{here}.edge_index is {list(index.shape)}; it must be [2, E]: give {way}")
    if index.is_floating_point() and not torch.equal(index, index.floor()):
        raise ValueError(f"{here}.edge_index holds fractions; give the numbers of nodes")
    return index.long(), weight


def check_weight(weight: Any, here: str) -> None:
    """Reject edge weights other than 1, because no method reads them.

    Raises:
        ValueError: some weight is not 1.
    """
    if weight is not None and not bool((torch.as_tensor(weight) == 1).all()):
        raise ValueError(
            f"{here}.edge_weight is not read by any method; give it as edge_attr of graphs in a list to have it as a "
            f"feature of edges, or go on without it: data.edge_weight = None"
        )


def graph_labels(
    items: Sequence[Data], sizes: Sequence[int], task: TaskName | None = None
) -> tuple[Tensor, TaskName, bool]:
    """Labels of graphs, their task, and whether they were one-hot.

    Args:
        items: the graphs.
        sizes: number of nodes of each.
        task: what the labels are. (default: targets of regression if most of them have a fraction)

    Returns:
        Classes long ``[G]``, or binary tasks or targets float ``[G, T]``.

    Raises:
        ValueError: a label is missing, belongs to nodes or edges, or is not a class or a target.
    """
    rows, each_node, each_edge = [], len(items) > 0, len(items) > 0
    for position, (graph, size) in enumerate(zip(items, sizes, strict=True)):
        if graph.y is None:
            raise ValueError(f"name[{position}].y is missing; {LABELLED}")
        row = as_numbers(graph.y, f"name[{position}].y")
        # A single label per graph proves graph labels; until then masks suggest node labels.
        each_node = each_node and ((row.dim() > 0 and len(row) == size > 1) or any(m in graph for m in MASKS.values()))
        each_edge = each_edge and row.dim() > 0 and len(row) == graph.num_edges > 1
        rows.append(row)
    if each_edge and not each_node:
        raise ValueError(
            f"name[0].y holds {len(rows[0])} labels for {items[0].num_edges} edges: these are labels of edges, not of "
            f"graphs, and cannot be learnt here; {LABELLED}"
        )
    if each_node:
        right = "datasets.load(dataset[0])" if len(items) == 1 else "datasets.load(graph) for each graph with its masks"
        raise ValueError(
            f"name[0].y holds {len(rows[0])} labels for {sizes[0]} nodes: these are labels of nodes, not of graphs; "
            f"the right call is {right}, or {LABELLED}"
        )
    for position, row in enumerate(rows):
        if row.dim() > 1 and len(row) > 1 and row.shape[1] > 1:
            raise ValueError(f"name[{position}].y is {list(row.shape)}; give one class, or tasks as [1, T]")
        if row.numel() != rows[0].numel():
            raise ValueError(f"name[{position}].y has {row.numel()} values but name[0].y has {rows[0].numel()}")
    y = torch.stack([row.reshape(-1) for row in rows])
    if task == "regression" or (task is None and fractional(y)):
        infinite = torch.isinf(y.float()) if y.shape[1] > 1 else ~torch.isfinite(y.float())
        if bool(infinite.any()):
            position, column = infinite.nonzero()[0].tolist()
            raise ValueError(
                f"name[{position}].y is {y[position, column].item()}; targets are finite numbers, of several NaN for "
                f"unknown ones: leave graphs without a target out"
            )
        return y.float(), "regression", False
    if y.shape[1] > 1:
        # Mutually exclusive tasks of which one is always true are classes.
        return (y.argmax(dim=1), "classification", True) if one_hot(y) else (y.float(), "classification", False)
    y = y.view(-1)
    wrong = ~torch.isfinite(y) | (y < 0) | (y != y.floor())
    if bool(wrong.any()):
        position = int(wrong.nonzero()[0])
        raise ValueError(
            f"name[{position}].y is {y[position].item()}; classes are whole numbers from 0: leave graphs without a "
            f"label out, and bin targets, for example by torch.bucketize, or give task='regression'"
        )
    return y.long(), "classification", False


def node_labels(y: Any, count: int, here: str) -> Tensor:
    """Classes of nodes, long ``[N]``; -1 for a missing label.

    Raises:
        ValueError: there is not one label per node, or a label is not a class.
    """
    labels = class_labels(y, f"{here}.y")
    if len(labels) != count:
        raise ValueError(f"{here}.y must hold one class for each of {count} nodes, got {list(labels.shape)}")
    return labels


def mask_index(value: Any, count: int, column: int | None, what: str) -> Tensor:
    """Indices of one split from a mask, a column of masks, or indices.

    Args:
        value: mask of booleans or 0 and 1, ``[N]`` or ``[N, k]``, or indices.
        count: number N of entries.
        column: column of the mask to use.
        what: name of the split in errors.

    Raises:
        ValueError: its length is wrong, an index is out of range or repeated, or the column is missing.
    """
    mask = torch.as_tensor(value)
    if mask.dim() == 2 and len(mask) == count:
        columns = mask.shape[1]
        if columns > 1 and column is None:
            raise ValueError(
                f"{what} has {columns} columns, a split each; say which to take: datasets.load(data, split=0)"
            )
        if columns > 1 and not 0 <= int(column or 0) < columns:
            raise ValueError(f"split={column} is not a column of {what}, which has 0 to {columns - 1}")
        mask = mask[:, column or 0 if columns > 1 else 0]
    ok = mask.dim() == 1 and not mask.is_floating_point() and not mask.is_complex()
    if ok and mask.dtype != torch.bool and len(mask) == count > 0 and (mask.dtype == torch.uint8 or mask.max() <= 1):
        ok = bool(((mask == 0) | (mask == 1)).all())
        mask = mask.bool() if ok else mask
    if ok and mask.dtype == torch.bool and len(mask) == count:
        return mask.nonzero().view(-1)
    if ok and mask.dtype != torch.bool and len(mask.unique()) == len(mask):
        index = mask.long()
        if not len(index) or 0 <= int(index.min()) <= int(index.max()) < count:
            return index
    raise ValueError(
        f"{what} must be a mask, bool [{count}], or hold distinct numbers from 0 to {count - 1}, "
        f"got {mask.dtype} {list(mask.shape)}"
    )
