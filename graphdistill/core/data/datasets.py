"""Data sets of graphs, nodes and images with their splits, task and metric.

Shape legend: G graphs, N nodes in all, E directed edges in all, F node features, D edge features, T tasks or targets.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from graphdistill.core.data.checks import check_classes, check_index, check_integers, check_numbers, check_targets
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.digest import Identified

Task = Literal["multiclass", "multilabel", "regression"]
TaskName = Literal["classification", "regression"]
"""What a user calls the tasks: classes, of one task or many, or targets."""
Metric = Literal["rocauc", "accuracy", "rmse", "mae"]
REGRESSION: tuple[Metric, ...] = ("rmse", "mae")
"""Metrics of regression, in the unit of the targets: lower is better."""
FeatureKind = Literal["ogb", "categorical", "continuous"]


class _Split(Identified):
    """Base of data sets: splits, and identity by content."""

    @property
    def splits(self) -> dict[str, Tensor]:
        """Indices of the entries of ``train``, ``valid`` and ``test``."""
        return {name: getattr(self, name) for name in ("train", "valid", "test")}


@dataclass(frozen=True)
class GraphDataset(_Split):
    """Labelled graphs with a train, validation and test split, the task and its metric.

    Attributes:
        name: name that the data set was loaded by.
        graphs: all graphs of all splits.
        y: labels, long ``[G]`` (one task, classes from 0) or float ``[G, T]`` of 0, 1 and NaN (many tasks); of
            regression the targets, float ``[G, T]`` with NaN for unknown ones.
        train, valid, test: indices of the graphs of each split, long.
        metric: ``rocauc`` or ``accuracy``; ``rmse`` or ``mae`` makes the labels targets of regression.
        features: ``ogb`` (atom and bond categories of OGB), ``categorical`` (integers) or ``continuous``.
        notes: remarks on the data for reports (source, split, licence).
        smiles: SMILES of each graph, for molecules that were loaded with them. (default: none)

    Raises:
        ValueError: labels, splits or SMILES do not fit the graphs, or features are not finite.
    """

    name: str
    graphs: Graphs
    y: Tensor
    train: Tensor
    valid: Tensor
    test: Tensor
    metric: Metric
    features: FeatureKind
    notes: str = field(default="", repr=False)
    smiles: tuple[str, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.smiles is not None and len(self.smiles) != len(self.graphs):
            raise ValueError(f"smiles has {len(self.smiles)} molecules but there are {len(self.graphs)} graphs")
        if len(self.y) != len(self.graphs):
            raise ValueError(f"y has {len(self.y)} labels but there are {len(self.graphs)} graphs")
        check_index(self.splits, len(self.graphs), "graphs")
        if self.task == "regression":
            check_targets(self.y, self.splits)
        elif self.y.dim() == 1:
            if self.y.is_floating_point():
                raise ValueError("y is float of one dimension; give long class numbers, or [G, T] tasks or targets")
            if int(self.y.min()) < 0:
                raise ValueError(f"y holds {int(self.y.min())}; classes are numbered from 0")
            check_classes(self.y, "y")
        elif not (torch.isnan(self.y) | (self.y == 0) | (self.y == 1)).all():
            raise ValueError("y with many tasks may hold 0, 1 and NaN (missing) only")
        for name, values, ptr in (
            ("x", self.graphs.x, self.graphs.node_ptr),
            ("edge_attr", self.graphs.edge_attr, self.graphs.edge_ptr),
        ):
            if values is not None:
                check_numbers(name, values, ptr)
                check_integers(name, values)

    @property
    def task(self) -> Task:
        """``multiclass`` for one label per graph, ``multilabel`` for yes-or-no tasks, ``regression`` for targets."""
        if self.metric in REGRESSION:
            return "regression"
        return "multiclass" if self.y.dim() == 1 else "multilabel"

    @property
    def num_outputs(self) -> int:
        """Number of classes (one task), of tasks (many tasks) or of targets: the width of a network's output."""
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
        name: name that the data set was loaded by.
        x: node features, float ``[N, F]``.
        edge_index: source and target of every edge, usually in both directions, long ``[2, E]``. Parallel edges count
            repeatedly and self-loops once, as in PyG's GCN.
        y: class of each node, long ``[N]``; -1 for nodes without a label, which are in no split.
        train, valid, test: indices of the nodes of each split, long.
        notes: remarks on the data for reports.
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
        name: name that the data set was loaded by.
        images: float ``[n, channels, height, width]`` from 0 to 1.
        y: class of each image, long ``[n]``.
        train, valid, test: indices of the images of each split, long.
        notes: remarks on the data for reports.
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
"""A data set of any kind."""
