"""The user's own graphs: a list of PyG ``Data`` objects or an in-memory data set."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdistill.core.data import GraphDataset, Graphs
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
