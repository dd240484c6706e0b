"""The user's own graphs: a list of PyG ``Data`` objects or an in-memory data set."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.data import GraphDataset, Graphs, NodeDataset
from graphdistill.datasets._splits import Split, stratified


def load_own(data: Sequence[Data], seed: int, splits: Split | None) -> GraphDataset:
    """The graphs of ``data`` with the labels in their ``y``, split as given or 80/10/10 by class."""
    items = list(data)
    for position, graph in enumerate(items):
        if not isinstance(graph, Data):
            raise ValueError(f"name[{position}] is a {type(graph).__name__}; give torch_geometric Data objects")
    graphs = Graphs.from_data_list(items)
    y = _labels(items)
    if splits is None:
        train, valid, test = stratified(y, seed, "own")
        notes = f"own graphs, stratified 80/10/10 split of seed {seed}"
    else:
        train, valid, test = (_numbers(s, len(graphs), i) for i, s in enumerate(splits))
        notes = "own graphs, own split"
        numbers = torch.cat([train, valid, test]).tolist()
        if len(set(numbers)) != len(numbers):
            raise ValueError("splits: some graph is in more than one part, or twice in one; give each at most once")
    return GraphDataset(
        name="own",
        graphs=graphs,
        y=y,
        train=train,
        valid=valid,
        test=test,
        metric="rocauc" if y.dim() > 1 or int(y.max()) == 1 else "accuracy",
        features="continuous" if graphs.x.is_floating_point() else "categorical",
        notes=notes,
    )


def load_own_nodes(data: Data) -> NodeDataset:
    """One graph with labelled nodes, split by its masks; its edges stay as they are, for its teacher knows them so."""
    needed = {"x": data.x, "edge_index": data.edge_index, "y": data.y}
    masks = {"train": data.get("train_mask"), "valid": data.get("val_mask"), "test": data.get("test_mask")}
    for name, value in (*needed.items(), ("train_mask", masks["train"]), ("val_mask", masks["valid"])):
        if value is None:
            raise ValueError(f"name.{name} is missing; one graph needs x, edge_index, y, train_mask and val_mask")
    x, edge_index, y = (torch.as_tensor(value) for value in needed.values())
    count = len(x)
    y = y.view(-1) if y.dim() == 2 and y.shape[1] == 1 else y
    if y.dim() != 1 or len(y) != count:
        raise ValueError(f"name.y must hold one class for each of {count} nodes, got {list(y.shape)}")
    y = torch.where(torch.isfinite(y), y, -1).long() if y.is_floating_point() else y.long()
    for end in edge_index.aminmax() if edge_index.numel() else ():
        if not 0 <= int(end) < count:
            raise ValueError(f"name.edge_index must hold nodes from 0 to {count - 1}, got {int(end)}")
    nodes = {}
    for name, mask in masks.items():
        if mask is None:
            mask = ~(masks["train"] | masks["valid"])
        if mask.dtype != torch.bool or mask.shape != (count,):
            raise ValueError(f"the {name} mask of name must be bool [{count}], got {mask.dtype} {list(mask.shape)}")
        nodes[name] = mask.nonzero().view(-1)
    return NodeDataset(name="own", x=x.float(), edge_index=edge_index, y=y, notes="own graph, own split", **nodes)


def _labels(items: list[Data]) -> Tensor:
    rows = []
    for position, graph in enumerate(items):
        if graph.y is None:
            raise ValueError(f"name[{position}].y is missing; set each graph's label, such as y=torch.tensor([1])")
        rows.append(torch.as_tensor(graph.y).view(-1))
        if len(rows[-1]) != len(rows[0]):
            raise ValueError(f"name[{position}].y has {len(rows[-1])} values but name[0].y has {len(rows[0])}")
    y = torch.stack(rows)
    if y.shape[1] > 1:
        return y.float()
    y = y.view(-1)
    for position, value in enumerate(y.tolist()):
        if value != value or value < 0 or value != int(value):
            raise ValueError(f"name[{position}].y is {value}; classes are whole numbers from 0")
    return y.long()


def _numbers(split: Tensor, count: int, position: int) -> Tensor:
    """One part of a split as graph numbers; a mask is accepted, too."""
    split = torch.as_tensor(split)
    if split.dtype == torch.bool and split.shape == (count,):
        split = split.nonzero().view(-1)
    bad = split.dtype == torch.bool or split.is_floating_point() or split.dim() != 1
    if bad or (split.numel() and not 0 <= int(split.min()) <= int(split.max()) < count):
        raise ValueError(f"splits[{position}] must hold graph numbers from 0 to {count - 1}, or be a mask of {count}")
    return split.long()
