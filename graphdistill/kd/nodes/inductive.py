"""Transductive and inductive splits: all nodes are observed in training, or some test nodes are held out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch_geometric.utils import subgraph

from graphdistill.core.data.datasets import NodeDataset

Setting = Literal["transductive", "inductive"]


@dataclass(frozen=True)
class InductiveSplit:
    """Observed part of a data set in training, and its held-out nodes.

    Attributes:
        data: observed nodes and edges, renumbered; its test nodes are the observed ones.
        whole: the whole data set.
        nodes: index in ``whole`` of each observed node, long.
        unseen: indices in ``whole`` of the held-out test nodes, long; empty if transductive.
    """

    data: NodeDataset
    whole: NodeDataset
    nodes: Tensor
    unseen: Tensor


def inductive_split(
    data: NodeDataset, setting: Setting, *, generator: torch.Generator, share: float = 0.2
) -> InductiveSplit:
    """Split a data set for a transductive or inductive setting (GLNN: Zhang et al., ICLR 2022).

    Transductive: all nodes and edges are observed, but only labels of training nodes. Inductive (production): a share
    of the test nodes is held out with all their edges, and predicted later.

    Args:
        data: the whole data set.
        setting: ``transductive`` or ``inductive``.
        generator: draws the held-out nodes.
        share: share of the test nodes to hold out. (default: 0.2)

    Raises:
        ValueError: the setting is unknown, or the share is not from 0 to 1.

    Example:
        >>> edges = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
        >>> split = torch.tensor([0]), torch.tensor([1]), torch.tensor([2, 3])
        >>> tiny = NodeDataset("tiny", torch.eye(4), edges, torch.tensor([0, 1, 0, 1]), *split)
        >>> split = inductive_split(tiny, "inductive", generator=torch.Generator().manual_seed(0), share=0.5)
        >>> len(split.data.x), len(split.unseen), split.data.edge_index.tolist()
        (3, 1, [[0, 1], [1, 0]])
    """
    everyone = torch.arange(len(data.y))
    if setting == "transductive":
        return InductiveSplit(data, data, everyone, everyone[:0])
    if setting != "inductive":
        raise ValueError(f"setting must be transductive or inductive, got {setting!r}")
    if not 0 <= share <= 1:
        raise ValueError(f"share must be from 0 to 1, got {share}")
    order = torch.randperm(len(data.test), generator=generator)
    cut = round(share * len(data.test))
    unseen, seen = data.test[order[:cut].sort().values], data.test[order[cut:].sort().values]
    keep = torch.ones(len(data.y), dtype=torch.bool)
    keep[unseen] = False
    number = keep.long().cumsum(0) - 1
    edges, _ = subgraph(keep, data.edge_index, relabel_nodes=True, num_nodes=len(data.y))
    observed = replace(
        data,
        x=data.x[keep],
        edge_index=edges,
        y=data.y[keep],
        train=number[data.train],
        valid=number[data.valid],
        test=number[seen],
    )
    return InductiveSplit(observed, data, keep.nonzero().view(-1), unseen)
