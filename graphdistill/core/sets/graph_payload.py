"""Sets of graphs as they are stored: one coded stream of graphs, labels and weights.

Sets of real graphs store these, and their computation trees are built again on loading; sets of patterns store their
trees as graphs. What the codec has no exact form for, float features, soft labels and targets of more than 8 bits,
is stored as floats in the order of the decoded graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.codec import PRIORS, Encoded, Labels, decode_set, encode_set
from graphdistill.core.data.datasets import FeatureKind, Task
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import tensor_bytes
from graphdistill.core.sets.half_precision import to_half
from graphdistill.core.sets.payload import (
    FLOATS,
    MAX_COUNT,
    STREAM,
    Declared,
    check_finite,
    check_names,
    check_range,
    check_tensor,
)
from graphdistill.core.trees.dictionary import MAX_DEPTH
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.graph_forest import GraphForest, graph_forest
from graphdistill.core.trees.tree_graphs import forest_of_tree_graphs, tree_graphs

MOST_WITH_PRIOR = 10_000
"""Largest number of molecules that a prior is tried for; it makes larger sets no smaller."""
STREAMS = ("graphs", "trees")
"""Names of the stream: of real graphs, or of trees written as graphs."""


@dataclass(frozen=True)
class StoredGraphs:
    """A set of graphs as stored, and what it loads as.

    Attributes:
        payload: tensors by name.
        order: which of the given graphs each stored graph is, long ``[n]``.
        forest: the graphs as loaded.
        y: labels as loaded.
        weight: weights as loaded, ``None`` without weights.
    """

    payload: dict[str, Tensor]
    order: Tensor
    forest: Forest
    y: Tensor
    weight: Tensor | None


def store_graphs(
    forest: Forest, y: Tensor, weight: Tensor | None, task: Task, features: FeatureKind, bits: int | None = None
) -> StoredGraphs:
    """Code a set of graphs.

    Args:
        forest: the graphs; those of a :class:`~graphdistill.core.trees.graph_forest.GraphForest` are stored themselves.
        y: labels.
        weight: weights, ``None`` for equal ones in each class.
        task: ``multiclass``, ``multilabel`` or ``regression``.
        features: kind of features; molecules with OGB's are coded with a prior if that is shorter.
        bits: precision that soft labels and targets are rounded to, 1 to 8. (default: they are stored exactly)
    """
    if forest.trees.depth > MAX_DEPTH:
        raise ValueError(f"depth must be at most {MAX_DEPTH} for trees that are stored, got {forest.trees.depth}")
    name = "graphs" if isinstance(forest, GraphForest) else "trees"
    graphs, columns = (forest.graphs, None) if isinstance(forest, GraphForest) else tree_graphs(forest)
    bits = _exact_bits(y, task) if bits is None else bits
    labels = Labels(y, task, weight, bits=bits) if bits else Labels(torch.zeros(len(y)).long(), weight=weight)
    coded, payload = _encode(name, graphs, columns, labels, features)
    payload["depth"] = torch.tensor([forest.trees.depth], dtype=torch.uint8)
    if not bits:
        payload["y"] = y[coded.graph]
    loaded = _forest(name, coded.graphs, payload)
    assert coded.labels is not None
    return StoredGraphs(payload, coded.graph, loaded, coded.labels.y if bits else payload["y"], coded.labels.weight)


def stored_bytes(graphs: Graphs, labels: Labels, features: FeatureKind) -> int:
    """Bytes of a set of real graphs with equal weights in each class, without building it."""
    return tensor_bytes(*graphs_payload(graphs, labels, features, 0).values())


def graphs_payload(graphs: Graphs, labels: Labels, features: FeatureKind, depth: int) -> dict[str, Tensor]:
    """Tensors that store real graphs with equal weights in each class, without building their trees.

    Args:
        graphs: the graphs.
        labels: their labels; probabilities are rounded to ``labels.bits`` bits.
        features: kind of features; as of :func:`store_graphs`.
        depth: depth of the trees that are built on loading.
    """
    payload = _encode("graphs", graphs, None, labels, features)[1]
    return {**payload, "depth": torch.tensor([depth], dtype=torch.uint8)}


def _encode(
    name: str, graphs: Graphs, columns: Tensor | None, labels: Labels, features: FeatureKind
) -> tuple[Encoded, dict[str, Tensor]]:
    """The stream of graphs, and the payload of it and of the floats."""
    x, attr = graphs.x, graphs.edge_attr
    integers = torch.empty(len(x), 0, dtype=torch.long) if x.is_floating_point() else x
    only = Graphs(
        x=integers if columns is None else torch.cat([integers.long(), columns], dim=1),
        edge_index=graphs.edge_index,
        edge_attr=None if attr is None or attr.is_floating_point() else attr,
        node_ptr=graphs.node_ptr,
        edge_ptr=graphs.edge_ptr,
    )
    coded = encode_set(only, labels)
    if features == "ogb" and name == "graphs" and only.edge_attr is not None and len(graphs) <= MOST_WITH_PRIOR:
        coded = min(coded, *(encode_set(only, labels, prior=prior) for prior in PRIORS), key=lambda c: len(c.data))
    payload = {name: torch.frombuffer(bytearray(coded.data), dtype=torch.uint8)}
    if x.is_floating_point():
        payload["x"] = to_half(x[coded.node])
    if attr is not None and attr.is_floating_point():
        payload["edge_attr"] = to_half(attr[_edge_order(graphs, coded)])
    return coded, payload


def check_graphs(payload: Mapping[str, Declared]) -> None:
    """Check names, dtypes and shapes of a payload or of its header.

    Raises:
        ValueError: with the name of the tensor.
    """
    name = "trees" if "trees" in payload else "graphs"
    check_names(payload, [name, "depth"], ["x", "edge_attr", "y"])
    check_tensor(payload, name, STREAM, None)
    check_tensor(payload, "depth", STREAM, 1)
    for side in {"x", "edge_attr"} & payload.keys():
        check_tensor(payload, side, FLOATS, None, None)
    if "y" in payload:
        check_tensor(payload, "y", (torch.float32,), None, None)


def read_graphs(payload: Mapping[str, Tensor]) -> tuple[Forest, Tensor, Task | None, Tensor | None]:
    """Read the payload of :func:`store_graphs`.

    Returns:
        The forest, the labels, their task (``None`` if it does not follow from the payload) and the weights.

    Raises:
        ValueError: the stream was changed, or tensors do not fit one another.
    """
    check_graphs(payload)
    name = "trees" if "trees" in payload else "graphs"
    try:
        graphs, labels = decode_set(payload[name].numpy().tobytes())
    except ValueError as error:
        raise ValueError(f"holds {name} that cannot be read: {error}") from None
    forest = _forest(name, graphs, payload)
    if "y" not in payload:
        return forest, labels.y, labels.task, labels.weight
    if len(payload["y"]) != len(graphs):
        raise ValueError(f"holds {len(payload['y'])} rows in y, expected {len(graphs)}")
    return forest, payload["y"], None, labels.weight


def _forest(name: str, graphs: Graphs, payload: Mapping[str, Tensor]) -> Forest:
    """The forest of decoded graphs, with the floats of the payload."""
    depth, x, attr = int(payload["depth"]), graphs.x, graphs.edge_attr
    columns = None
    if name == "trees":
        if x.shape[1] < 2:
            raise ValueError(f"holds trees with {x.shape[1]} columns, expected their degrees and counts")
        x, columns = x[:, :-2], check_range("trees", x[:, -2:], 0, MAX_COUNT)
    if "x" in payload:
        x = _floats(payload, "x", len(x))
    if "edge_attr" in payload:
        attr = _floats(payload, "edge_attr", graphs.edge_index.shape[1])
    graphs = replace(graphs, x=x, edge_attr=attr)
    return graph_forest(graphs, depth) if columns is None else forest_of_tree_graphs(graphs, columns, depth)


def _floats(payload: Mapping[str, Tensor], name: str, length: int) -> Tensor:
    if len(payload[name]) != length:
        raise ValueError(f"holds {len(payload[name])} rows in {name}, expected {length}")
    values = check_finite(name, payload[name])
    return values.float() if values.dtype == torch.float16 else values


def _exact_bits(y: Tensor, task: Task) -> int:
    """Fewest bits that labels are exact in, 0 if 8 are too few; hard labels take any."""
    if not y.is_floating_point():
        return 1
    try:
        for bits in range(1, 9):
            if torch.equal(Labels(y, task, bits=bits).stored().y.nan_to_num(-1), y.nan_to_num(-1)):
                return bits
    except ValueError:  # no probabilities
        pass
    return 0


def _edge_order(graphs: Graphs, coded: Encoded) -> Tensor:
    """Which of the given edges each decoded edge is; parallel edges, which the codec sees as equal, in their order."""
    place = torch.empty_like(coded.node).scatter_(0, coded.node, torch.arange(len(coded.node)))
    source, target = place[graphs.edge_index].numpy()
    return torch.from_numpy(np.lexsort((target, source)))
