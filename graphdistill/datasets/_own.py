"""The user's own graphs: many labelled ones, or one with labelled nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch_geometric.data import Data
from torch_geometric.utils import remove_self_loops

from graphdistill.core.data.datasets import GraphDataset, NodeDataset, TaskName
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import NUM_QUANTILES, quantile_strata
from graphdistill.datasets._convert import (
    MASKS,
    check_count,
    check_positions,
    check_weight,
    edges,
    features,
    graph_items,
    graph_labels,
    mask_index,
    node_labels,
    own_graph,
)
from graphdistill.datasets._splits import Split, stratified


def load_own(
    data: Any, seed: int, splits: Split | None, split: int | None = None, task: TaskName | None = None
) -> GraphDataset:
    """The graphs of ``data`` with the labels in their ``y``, split as given or 80/10/10 by class or quantile."""
    if split is not None:
        raise ValueError(f"split={split} is for one graph with masks [N, k]; leave it out")
    items = graph_items(data)
    plain = [own_graph(graph, f"name[{position}]") for position, graph in enumerate(items)]
    looped, plain = _without_loops(plain)
    graphs = Graphs.from_data_list(plain)
    y, found, hot = graph_labels(items, graphs.node_ptr.diff().tolist(), task)
    regression = found == "regression"
    notes = ["own graphs"]
    if splits is None:
        # A quantile of fewer than ten graphs would give none to the validation split.
        strata = quantile_strata(y, max(1, min(NUM_QUANTILES, len(y) // 10))) if regression else y
        train, valid, test = stratified(strata, seed, "own")
        notes.append(f"stratified 80/10/10 split of seed {seed}")
    else:
        train, valid, test = (mask_index(part, len(graphs), None, f"splits[{i}]") for i, part in enumerate(splits))
        notes.append("own split")
    if looped:
        notes.append(f"self-loops of {looped} graphs left out, as PyG's TUDataset does: networks have their own")
    if hot:
        notes.append("one-hot labels read as classes")
    return GraphDataset(
        name="own",
        graphs=graphs,
        y=y,
        train=train,
        valid=valid,
        test=test,
        metric="rmse" if regression else "rocauc" if y.dim() > 1 or int(y.max()) == 1 else "accuracy",
        features="continuous" if graphs.x.is_floating_point() else "categorical",
        notes=", ".join(notes),
    )


def load_own_nodes(data: Data, split: int | None, splits: Split | None) -> NodeDataset:
    """One graph with labelled nodes, split by its masks; edges stay unchanged, as the teacher was trained on them."""
    given = {name: data.get(mask) for name, mask in MASKS.items()}
    if splits is not None:
        given = dict(zip(MASKS, splits, strict=True))
    index = data.edge_index if data.edge_index is not None else data.get("adj_t")
    needed = {"x": data.x, "edge_index": index, "y": data.y, "train_mask": given["train"], "val_mask": given["valid"]}
    check_positions(data, "name")
    for name, value in needed.items():
        if value is None:
            raise ValueError(f"name.{name} is missing; one graph needs x, edge_index, y, train_mask and val_mask")
    x = features(data.x, "name.x")
    assert x is not None
    count = len(x)
    check_count(data, count, "name")
    edge_index, weight = edges(data, "name")
    check_weight(weight, "name")
    if data.edge_attr is not None:
        raise ValueError(
            "name.edge_attr is not read of one graph with labelled nodes; go on without: data.edge_attr = None"
        )
    for end in edge_index.aminmax() if edge_index.numel() else ():
        if not 0 <= int(end) < count:
            raise ValueError(f"name.edge_index must hold nodes from 0 to {count - 1}, got {int(end)}")
    y = node_labels(data.y, count, "name")
    names = MASKS if splits is None else {name: f"splits[{i}]" for i, name in enumerate(MASKS)}
    if split is not None and all(mask is None or torch.as_tensor(mask).dim() < 2 for mask in given.values()):
        raise ValueError(f"split={split} names a column of masks [N, k], but the masks have one column; leave it out")
    parts = {
        part: mask_index(mask, count, split, f"name.{names[part]}" if splits is None else names[part])
        for part, mask in given.items()
        if mask is not None
    }
    if "test" not in parts:
        rest = y >= 0
        rest[torch.cat([parts["train"], parts["valid"]])] = False
        parts["test"] = rest.nonzero().view(-1)
    notes = "own graph, own split" if split is None else f"own graph, own split {split}"
    return NodeDataset(name="own", x=x.float(), edge_index=edge_index, y=y, notes=notes, **parts)


def _without_loops(items: list[Data]) -> tuple[int, list[Data]]:
    """The graphs without self-loops, which networks add themselves, and the number of graphs that had some."""
    out, looped = [], 0
    for graph in items:
        source, target = graph.edge_index
        if bool((source == target).any()):
            looped += 1
            attr = graph.edge_attr
            if attr is not None and len(attr) != len(source):
                out.append(graph)  # rejected with its position when graphs are collated
                continue
            index, attr = remove_self_loops(graph.edge_index, attr)
            graph = Data(x=graph.x, edge_index=index, edge_attr=attr, num_nodes=graph.num_nodes)
        out.append(graph)
    return looped, out
