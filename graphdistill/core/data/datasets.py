"""Data sets of graphs, nodes, images, texts and rows of a table with their splits, task and metric.

Shape legend: G graphs, N nodes in all, E directed edges in all, F features of a node or row, D edge features, T tasks
or targets, n images, texts or rows, L tokens of the longest text.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from graphdistill.core.data.checks import check_classes, check_index, check_integers, check_numbers, check_targets
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.digest import Identified

Task = Literal["multiclass", "multilabel", "regression"]
TaskName = Literal["classification", "regression"]
"""What a user calls the tasks: classes, of one task or many, or targets."""
Metric = Literal["rocauc", "accuracy", "f1", "rmse", "mae"]
REGRESSION: tuple[Metric, ...] = ("rmse", "mae")
"""Metrics of regression, in the unit of the targets: lower is better."""
FeatureKind = Literal["ogb", "categorical", "continuous"]


class _Split(Identified):
    """Base of data sets: splits, and identity by content."""

    ENTRIES: ClassVar[str]
    """What the entries of the data set are, in errors."""

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

    ENTRIES: ClassVar[str] = "graphs"

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

    ENTRIES: ClassVar[str] = "nodes"

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

    ENTRIES: ClassVar[str] = "images"

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


@dataclass(frozen=True)
class TextDataset(_Split):
    """Texts as token ids, with a class for each text or, for a language model, the next token at each position.

    Attributes:
        name: name that the data set was loaded by.
        tokens: token ids, long ``[n, L]``; shorter texts are padded with 0 at their end, windows of a language model
            have no padding.
        y: class of each text, long ``[n]``; or the token that follows each position, long ``[n, L]``.
        train, valid, test: indices of the texts of each split, long.
        vocabulary: the token of each id; id 0 is the padding, id 1 stands for tokens that are not in the vocabulary.
        notes: remarks on the data for reports.

    Raises:
        ValueError: tokens, labels or splits do not fit one another or the vocabulary.

    Example:
        >>> index = torch.tensor([0]), torch.tensor([1]), torch.tensor([2])
        >>> words = ("<padding>", "<unknown>", "good", "bad")
        >>> data = TextDataset("own", torch.tensor([[2, 0], [3, 3], [1, 2]]), torch.tensor([1, 0, 1]), *index, words)
        >>> data.language_model, data.num_outputs
        (False, 2)
    """

    ENTRIES: ClassVar[str] = "texts"

    name: str
    tokens: Tensor
    y: Tensor
    train: Tensor
    valid: Tensor
    test: Tensor
    vocabulary: tuple[str, ...]
    notes: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.tokens.dim() != 2 or self.tokens.dtype != torch.long or not self.tokens.numel():
            got = f"{self.tokens.dtype} {list(self.tokens.shape)}"
            raise ValueError(f"tokens must be long [n, L], a row of ids for each text, got {got}")
        if self.y.shape not in (self.tokens.shape[:1], self.tokens.shape) or self.y.dtype != torch.long:
            count, length = self.tokens.shape
            raise ValueError(
                f"y must be long [{count}], a class for each text, or long [{count}, {length}], the next token of "
                f"each position, got {self.y.dtype} {list(self.y.shape)}"
            )
        check_index(self.splits, len(self.tokens), "texts")
        self._check_ids("tokens", self.tokens, 0)
        real = self.tokens > 0
        gaps = (real[:, 1:] & ~real[:, :-1]).any(dim=1)
        for bad, what in (
            (~real.any(dim=1), "has no tokens; leave it out"),
            (gaps, "has padding (0) before a token; padding is at the end of a text"),
        ):
            if bool(bad.any()):
                raise ValueError(f"text {int(bad.nonzero()[0])} {what}")
        if not self.language_model:
            check_classes(self.y, "y")
            return
        self._check_ids("y", self.y, 1)
        if not bool(real.all()):
            padded = int((~real).any(dim=1).nonzero()[0])
            raise ValueError(f"window {padded} has padding (0); windows of a language model are all of one length")

    def _check_ids(self, what: str, ids: Tensor, least: int) -> None:
        """Reject ids outside of the vocabulary."""
        for end in ids.aminmax():
            if not least <= int(end) < len(self.vocabulary):
                raise ValueError(
                    f"{what} must hold ids from {least} to {len(self.vocabulary) - 1}, the last of the vocabulary, "
                    f"got {int(end)}"
                )

    @property
    def language_model(self) -> bool:
        """Whether the labels are the next tokens, not classes."""
        return self.y.dim() == 2

    @property
    def num_outputs(self) -> int:
        """Number of classes, for a language model of ids of the vocabulary: the width of a network's output."""
        return len(self.vocabulary) if self.language_model else int(self.y.max()) + 1


@dataclass(frozen=True)
class TableDataset(_Split):
    """Rows of a table with a class or a target each, encoded as numbers, and the group of each if one is named.

    Attributes:
        name: name that the data set was loaded by.
        x: features, float ``[n, F]``.
        y: class of each row, long ``[n]``; of regression the target, float ``[n, 1]``.
        train, valid, test: indices of the rows of each split, long.
        columns: name of each feature.
        classes: name of each class. (default: none)
        group: group of each row, such as its sex, long ``[n]``; no part of the features. (default: none)
        groups: name of each group. (default: none)
        lines: cells of each row and its label as a line of CSV, which sizes of files are measured on. (default: none)
        notes: remarks on the data for reports.

    Raises:
        ValueError: features, labels, splits, groups or names do not fit one another.

    Example:
        >>> index = torch.tensor([0]), torch.tensor([1]), torch.tensor([2])
        >>> data = TableDataset("own", torch.rand(3, 2), torch.tensor([1, 0, 1]), *index, columns=("age", "pay"))
        >>> data.task, data.metric, data.num_outputs
        ('multiclass', 'rocauc', 2)
    """

    ENTRIES: ClassVar[str] = "rows"

    name: str
    x: Tensor
    y: Tensor
    train: Tensor
    valid: Tensor
    test: Tensor
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()
    group: Tensor | None = None
    groups: tuple[str, ...] = ()
    lines: tuple[str, ...] | None = field(default=None, repr=False)
    notes: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.x.dim() != 2 or not self.x.is_floating_point():
            raise ValueError(f"x must be float [n, F], features of each row, got {self.x.dtype} {list(self.x.shape)}")
        if len(self.columns) != self.x.shape[1]:
            raise ValueError(f"columns has {len(self.columns)} names, but x has {self.x.shape[1]} features")
        if self.lines is not None and len(self.lines) != len(self.x):
            raise ValueError(f"lines has {len(self.lines)} lines, but x has {len(self.x)} rows")
        check_index(self.splits, len(self.x), "rows")
        check_numbers("x", self.x)
        if self.y.is_floating_point():
            if self.y.shape != (len(self.x), 1):
                raise ValueError(f"y of regression must be float [{len(self.x)}, 1], got {list(self.y.shape)}")
            check_targets(self.y, self.splits)
        else:
            self._check_codes("y", self.y, self.classes)
            check_classes(self.y, "y")
        if self.group is not None:
            self._check_codes("group", self.group, self.groups)

    def _check_codes(self, what: str, codes: Tensor, names: tuple[str, ...]) -> None:
        """Reject codes that are not numbers from 0 of each row, or that have no name."""
        if codes.shape != self.x.shape[:1] or codes.dtype != torch.long:
            raise ValueError(f"{what} must be long [{len(self.x)}], got {codes.dtype} {list(codes.shape)}")
        low, high = (int(end) for end in codes.aminmax())
        if low < 0 or (names and high >= len(names)):
            most = f" to {len(names) - 1}, the last that has a name" if names else ""
            raise ValueError(f"{what} must hold numbers from 0{most}, got {low if low < 0 else high}")

    @property
    def task(self) -> Task:
        """``multiclass``, or ``regression`` for a target."""
        return "regression" if self.y.is_floating_point() else "multiclass"

    @property
    def metric(self) -> Metric:
        """``rocauc`` of two classes, ``accuracy`` of more, ``rmse`` of a target."""
        return "rmse" if self.task == "regression" else "rocauc" if self.num_outputs == 2 else "accuracy"

    @property
    def num_outputs(self) -> int:
        """Number of classes, or 1 for a target: the width of a network's output."""
        return self.y.shape[1] if self.y.dim() == 2 else int(self.y.max()) + 1


Dataset = GraphDataset | NodeDataset | ImageDataset | TextDataset | TableDataset
"""A data set of any kind."""
