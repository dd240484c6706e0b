"""A forest that is stored as plain graphs: smaller if computation trees hardly repeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import downcast, segment_ptr
from graphdistill.core.sets.payload import (
    STREAM,
    Declared,
    check_finite,
    check_range,
    check_streams,
    check_tensor,
    read_counts,
    read_stream,
)
from graphdistill.core.trees import varint
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.raw_bytes import every_edge_has_its_twin


@dataclass(frozen=True)
class RawForest(Forest):
    """A lossless forest with the graphs that it was built from; the graphs are stored.

    Attributes:
        graphs: the graphs, edges sorted by source and target.

    Example:
        >>> from torch_geometric.data import Data
        >>> pair = Data(x=torch.tensor([[6], [8]]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> forest = raw_forest(Graphs.from_data_list([pair]), depth=3)
        >>> forest.nbytes, build_forest(forest.graphs, 3).nbytes
        (8, 25)
    """

    graphs: Graphs

    def payload(self) -> dict[str, Tensor]:
        """The graphs; each pair of edges is stored once if every edge has a reverse edge."""
        graphs = self.graphs
        source, target = graphs.edge_index
        twins = bool(every_edge_has_its_twin(graphs).all())
        kept = source <= target if twins else torch.ones_like(source, dtype=torch.bool)
        graph = torch.repeat_interleave(torch.arange(len(graphs)), graphs.edge_ptr.diff())[kept]
        start = source[kept] - graphs.node_ptr[graph]
        end = target[kept] - graphs.node_ptr[graph]
        step = start.clone()
        step[1:] -= torch.where(graph[1:] == graph[:-1], start[:-1], 0)
        out = {
            "shape": torch.tensor([self.trees.depth, int(twins)], dtype=torch.uint8),
            "x": downcast(graphs.x),
            "nodes": varint.encode(graphs.node_ptr.diff()),
            "edges": varint.encode(torch.bincount(graph, minlength=len(graphs))),
            "step": varint.encode(step),
            "end": varint.encode(end - start if twins else end),
        }
        if graphs.edge_attr is not None:
            out["edge_attr"] = downcast(graphs.edge_attr[kept])
        return out

    @classmethod
    def check_payload(cls, payload: Mapping[str, Declared]) -> None:
        """Check names, dtypes and shapes of a payload or of its header.

        Raises:
            ValueError: with the name of the tensor.
        """
        check_streams(payload, ["nodes", "edges", "step", "end"], ["shape"])
        check_tensor(payload, "shape", STREAM, 2)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Tensor]) -> RawForest:
        """Rebuild the graphs and their forest.

        Raises:
            ValueError: a tensor is missing, an edge ends outside of its graph, or lengths do not fit.
        """
        cls.check_payload(payload)
        depth, twins = payload["shape"].tolist()
        check_range("shape", payload["shape"][1], 0, 1)
        x, attr = check_finite("x", payload["x"]), payload.get("edge_attr")
        node_ptr = read_counts(payload, "nodes", total=len(x))
        sizes = node_ptr.diff()
        step = read_stream(payload, "step", most=len(x))
        given = read_stream(payload, "end", length=len(step), most=len(x))
        given_ptr = read_counts(payload, "edges", total=len(step), length=len(sizes))
        graph = torch.repeat_interleave(torch.arange(len(sizes)), given_ptr.diff())
        total = segment_ptr(step)
        start = total[1:] - torch.repeat_interleave(total[given_ptr[:-1]], given_ptr.diff())
        end = given + (start if twins else 0)
        for name, local in (("step", start), ("end", end)):
            if bool((local >= sizes[graph]).any()):
                raise ValueError(f"holds an edge in {name} that ends outside of its graph")
        if attr is not None and len(check_finite("edge_attr", attr)) != len(step):
            raise ValueError(f"holds {len(attr)} rows in edge_attr, expected {len(step)}")
        index = torch.stack([start, end]) + node_ptr[graph]
        if twins:
            back = index[0] != index[1]
            index = torch.cat([index, index[:, back].flip(0)], dim=1)
            graph = torch.cat([graph, graph[back]])
            attr = None if attr is None else torch.cat([attr, attr[back]])
        edge_ptr = segment_ptr(torch.bincount(graph, minlength=len(sizes)))
        order = graph.sort(stable=True).indices
        graphs = Graphs(x, index[:, order], None if attr is None else attr[order], node_ptr, edge_ptr)
        return raw_forest(graphs, depth)


def raw_forest(graphs: Graphs, depth: int) -> RawForest:
    """Build a forest that is stored as its graphs.

    Args:
        graphs: the graphs.
        depth: depth of the trees.
    """
    order = _edge_order(graphs)
    attr = None if graphs.edge_attr is None else graphs.edge_attr[order]
    graphs = Graphs(graphs.x, graphs.edge_index[:, order], attr, graphs.node_ptr, graphs.edge_ptr)
    forest = build_forest(graphs, depth)
    return RawForest(forest.trees, forest.ptr, forest.tree, forest.count, graphs)


def _edge_order(graphs: Graphs) -> Tensor:
    """Canonical order of edges, by target, source and features."""
    keys = [graphs.edge_index[1], graphs.edge_index[0]]
    if graphs.edge_attr is not None:
        keys = [*graphs.edge_attr.T, *keys]
    order = torch.arange(graphs.edge_index.shape[1])
    for key in keys:
        order = order[key[order].sort(stable=True).indices]
    return order
