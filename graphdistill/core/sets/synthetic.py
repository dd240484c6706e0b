"""The result of every distiller: a small labelled data set that a model can train on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, get_args

import torch
from torch import Tensor

from graphdistill.core.data.datasets import FeatureKind, Task
from graphdistill.core.data.tensors import tensor_bytes, to_device
from graphdistill.core.sets.array_payload import (
    check_arrays,
    check_coded,
    edge_gaps,
    edges_of_gaps,
    pack_features,
    pack_labels,
    quantize_labels,
    read_arrays,
    store_arrays,
    unpack_labels,
)
from graphdistill.core.sets.checked_file import brief
from graphdistill.core.sets.compensated import Compensated
from graphdistill.core.sets.entries import plain_graph, unfold
from graphdistill.core.sets.expansion import Expansion
from graphdistill.core.sets.graph_payload import StoredGraphs, check_graphs, read_graphs, store_graphs
from graphdistill.core.sets.half_precision import scaled, to_half
from graphdistill.core.sets.payload import (
    MAX_CLASSES,
    Declared,
    check_categories,
    check_finite,
    check_labels,
    check_names,
)
from graphdistill.core.sets.projected import Projected
from graphdistill.core.sets.replays import Replays
from graphdistill.core.sets.tiles import Tiles
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.graph_forest import GraphForest

if TYPE_CHECKING:
    from torch_geometric.data import Data

CACHED = ("nbytes", "_graphs_as_stored", "_arrays_as_stored")
"""Derived values of a set that take long to compute."""
OPTIONAL = ("weight", "edge_gap", "edge_weight", "feature_exponent")
"""Tensors that not every set of images or nodes has."""
EXPANSIONS: tuple[type[Expansion], ...] = (Projected, Compensated, Tiles, Replays)
"""Kinds of sets that are stored small; a payload is of the first one whose ``MARK`` it has."""


@dataclass(frozen=True)
class SyntheticSet:
    """Synthetic graphs (or rows of features) with hard or soft labels and weights.

    It is a torch data set: ``len(synthetic)``, ``synthetic[i]`` and any ``DataLoader`` work. An entry of a set of
    graphs is a PyG ``Data`` object: a real graph, or for a set of patterns its trees, on which a stock PyG network of
    at most ``forest.trees.depth`` layers computes, at the nodes of ``root``, the embeddings of the nodes of a graph,
    each of which occurs ``count`` times.

    Attributes:
        data: a forest of n graphs, or a tensor ``[n, ...]`` of features: integers, or floats of 32 or 64 bits. They are
            stored exactly, in fewer bits where that is exact, too; floats of 16 bits become floats of 32.
        y: labels, hard long ``[n]`` or soft float ``[n, C]``; many tasks and targets float ``[n, T]`` with NaN.
        weight: loss weight of each entry, float ``[n]``; sums to 1 within each class. A node of weight 0 has no label:
            it is there for its neighbours, and its ``y`` means nothing.
        task: ``multiclass``, ``multilabel`` or ``regression``.
        features: kind of node features, which networks encode; ``continuous`` for tensors.
        meta: facts stored with the data (method, config, seed, source, cost), in JSON types.
        edges: edges between entries that are nodes of one graph: source and target, long ``[2, E]``, and weight, float
            ``[E]``. The network adds self-loops. ``None`` if entries are independent.
        expansion: what is stored instead of the entries, which are made of it by :meth:`expanded`. ``None`` if entries
            are stored themselves.

    Raises:
        ValueError: lengths differ, a weight is negative or not finite, or an edge ends outside of the set.

    Example:
        >>> synthetic = SyntheticSet(torch.rand(2, 3), torch.tensor([0, 1]), torch.ones(2))
        >>> len(synthetic), synthetic.nbytes
        (2, 43)
    """

    data: Forest | Tensor
    y: Tensor
    weight: Tensor
    task: Task = "multiclass"
    features: FeatureKind = "continuous"
    meta: Mapping[str, object] = field(default_factory=dict)
    edges: tuple[Tensor, Tensor] | None = None
    expansion: Expansion | None = None

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("task", self.task, get_args(Task)),
            ("features", self.features, get_args(FeatureKind)),
        ):
            if value not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {brief(value)}")
        if not len(self.data) == len(self.y) == len(self.weight):
            raise ValueError(
                f"data, y and weight have {len(self.data)}, {len(self.y)} and {len(self.weight)} entries; "
                f"give each entry one label and one weight"
            )
        if not self.y.is_floating_point() and self.y.numel():
            low, high = (int(label) for label in self.y.aminmax())
            if low < 0 or high >= MAX_CLASSES:
                raise ValueError(
                    f"y holds class {low if low < 0 else high}; number classes from 0 to at most {MAX_CLASSES - 1}"
                )
        for name in ("y", "weight"):
            values = getattr(self, name)
            if values.is_floating_point():
                object.__setattr__(self, name, values.float())
        if isinstance(self.data, Tensor):
            object.__setattr__(self, "data", _to_float(self.data))
        if not bool((torch.isfinite(self.weight) & (self.weight >= 0)).all()):
            raise ValueError("weight holds a negative or infinite value; give finite weights of 0 or more")
        if self.edges is not None:
            index, weight = self.edges
            if index.shape != (2, len(weight)):
                raise ValueError(
                    f"edges has ends of shape {list(index.shape)} and {len(weight)} weights; "
                    f"give each edge a source, a target and a weight"
                )
            for end in index.aminmax() if index.numel() else ():
                if not 0 <= int(end) < len(self):
                    raise ValueError(f"edges must join entries from 0 to {len(self) - 1}, got {int(end)}")
            object.__setattr__(self, "edges", (index, weight.float()))
        if self.expansion is not None and len(self) != self.expansion.shape[0]:
            raise ValueError(f"expansion has {self.expansion.shape[0]} entries, data {len(self)}; give expansion=None")

    @classmethod
    def expanded(cls, expansion: Expansion, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The entries that an expansion makes; it is stored instead of them, and its bytes are those of the set.

        Example:
            >>> tiles = Tiles.of(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.tensor([3]), 2)
            >>> small = SyntheticSet.expanded(tiles)
            >>> len(small), small.arrays()["tiles"].shape
            (4, torch.Size([1, 1, 8, 8]))
        """
        x, y = expansion.entries
        y = check_labels(y, "multiclass")
        return cls(x, y, class_weights(y), meta=dict(meta or {}), expansion=expansion)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Data | tuple[Tensor, Tensor, Tensor]:
        """The entry at ``index``: a PyG graph, or features, label and weight."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} entries")
        index %= len(self)
        y, weight = self.y[index : index + 1], self.weight[index : index + 1]
        if isinstance(self.data, Tensor):
            return self.data[index], y[0], weight[0]
        if isinstance(self.data, GraphForest):
            return plain_graph(self.data.graphs, index, y=y, weight=weight)
        return unfold(self.data.subset(torch.tensor([index])), y=y, weight=weight)

    @property
    def forest(self) -> Forest:
        """The forest of a set of graphs."""
        if isinstance(self.data, Tensor):
            raise ValueError("this set holds feature tensors, not graphs")
        return self.data

    def graph(self) -> Data:
        """One PyG graph of all entries of a set of nodes, for training stock networks.

        Without edges, a node's features already contain its neighbourhood by propagation.

        Raises:
            ValueError: the set holds graphs, not rows of features.

        Example:
            >>> SyntheticSet(torch.rand(2, 3), torch.tensor([0, 1]), torch.ones(2)).graph()
            Data(x=[2, 3], edge_index=[2, 0], y=[2], edge_weight=[0], train_mask=[2])
        """
        if not isinstance(self.data, Tensor):
            raise ValueError("this set holds graphs, not feature tensors; take its entries one by one")
        from torch_geometric.data import Data

        index, weight = self.edges or (torch.empty(2, 0, dtype=torch.long), torch.empty(0))
        return Data(x=self.data, edge_index=index, edge_weight=weight, y=self.y, train_mask=self.labelled)

    @property
    def labelled(self) -> Tensor:
        """Which entries are trained on, bool ``[n]``; the others, of weight 0, are only neighbours of theirs.

        Example:
            >>> SyntheticSet(torch.rand(2, 3), torch.tensor([1, 0]), torch.tensor([1.0, 0.0])).labelled.tolist()
            [True, False]
        """
        return self.weight > 0

    @cached_property
    def nbytes(self) -> int:
        """Bytes of the payload: the length of the coded streams, labels and weights included."""
        return tensor_bytes(*self.payload().values())

    @cached_property
    def _graphs_as_stored(self) -> StoredGraphs:
        """A set of graphs as it is stored and loaded."""
        return self._store(None)

    def _store(self, bits: int | None) -> StoredGraphs:
        weight = None if torch.equal(self.weight, class_weights(self.y, self.task)) else self.weight
        return store_graphs(self.forest, self.y, weight, self.task, self.features, bits)

    def as_stored(self, bits: int | None = None) -> SyntheticSet:
        """The set as it will be loaded: graphs come in the order of the codec.

        Args:
            bits: precision that soft labels and targets of graphs are rounded to, 1 to 8. (default: they stay as they
                are)
        """
        if isinstance(self.data, Tensor):
            return self
        stored = self._graphs_as_stored if bits is None else self._store(bits)
        weight = class_weights(stored.y, self.task) if stored.weight is None else stored.weight
        out = replace(self, data=stored.forest, y=stored.y, weight=weight)
        out.__dict__["_graphs_as_stored"] = stored
        return out

    def with_meta(self, meta: Mapping[str, object]) -> SyntheticSet:
        """The same set with other facts."""
        out = replace(self, meta=meta)
        out.__dict__.update((name, self.__dict__[name]) for name in CACHED if name in self.__dict__)
        return out

    def payload(self) -> dict[str, Tensor]:
        """Tensors to store: a stream of graphs, or a stream of each tensor of :meth:`arrays`."""
        return dict(self._arrays_as_stored) if isinstance(self.data, Tensor) else self._graphs_as_stored.payload

    @cached_property
    def _arrays_as_stored(self) -> dict[str, Tensor]:
        out = store_arrays(self.arrays())
        if self.expansion is not None:
            try:
                self.expansion.check_size(tensor_bytes(*out.values()))
            except ValueError as error:
                raise ValueError(f"the set {error}; store fewer entries or views") from None
        return out

    def arrays(self) -> dict[str, Tensor]:
        """Tensors of a set of images or nodes before they are coded: bytes or half precision if that is exact.

        Weights are absent if they are equal within each class.
        """
        assert isinstance(self.data, Tensor)
        if self.expansion is not None:
            return self.expansion.arrays()
        out = {**pack_features(self.data), "y": pack_labels(self.y, self.task)}
        if not torch.equal(self.weight, class_weights(self.y, self.task)):
            out["weight"] = self.weight
        if self.edges is not None:
            out["edge_gap"], out["edge_weight"] = edge_gaps(self.edges[0], len(self)), to_half(self.edges[1])
        return out

    @classmethod
    def check_payload(cls, payload: Mapping[str, Declared]) -> None:
        """Check names, dtypes and shapes of a payload or of its header.

        Raises:
            ValueError: with the name of the tensor.
        """
        if "graphs" in payload or "trees" in payload:
            check_graphs(payload)
            return
        if (kind := _kind_of(payload)) is not None:
            kind.check_payload(payload)
            check_coded(payload)
            return
        check_names(payload, ["pixels" if "pixels" in payload else "features", "y"], OPTIONAL)
        check_coded(payload)

    @classmethod
    def from_payload(
        cls, payload: Mapping[str, Tensor], *, task: Task, features: FeatureKind, meta: Mapping[str, object]
    ) -> SyntheticSet:
        """Rebuild a set from :meth:`payload`.

        Raises:
            ValueError: a tensor is missing or does not fit the others, or a value is out of range.
        """
        cls.check_payload(payload)
        data: Forest | Tensor
        if "graphs" in payload or "trees" in payload:
            data, y, known, weight = read_graphs(payload)
            if known not in (task, None) and y.is_floating_point():
                raise ValueError(f"holds labels of task {known}, expected {task}")
            check_categories(data.trees.x, data.trees.edge_attr, features)
            y = check_labels(y, task)
            out = cls(data, y, class_weights(y, task) if weight is None else weight, task, features, meta)
            order = torch.arange(len(y))
            out.__dict__["_graphs_as_stored"] = StoredGraphs(dict(payload), order, data, y, weight)
            return out
        streams, payload = payload, read_arrays(payload)
        if (kind := _kind_of(payload)) is not None:
            if task != "multiclass":
                raise ValueError(f"holds {kind.MARK} of classes, but its task is {task}")
            out = cls.expanded(kind.from_arrays(payload, tensor_bytes(*streams.values())), meta)
            out.__dict__["_arrays_as_stored"] = dict(streams)
            return out
        check_arrays(payload)
        y = check_labels(unpack_labels(payload["y"], task), task)
        weight = payload["weight"] if "weight" in payload else class_weights(y, task)
        if "pixels" in payload:
            data = payload["pixels"].float() / 255
        else:
            data = payload["features"]
            if "feature_exponent" in payload:
                data = scaled(data.float(), payload["feature_exponent"].long())
            check_finite("features", data)
        edges = None
        if "edge_weight" in payload:
            gaps, weights = payload["edge_gap"], check_finite("edge_weight", payload["edge_weight"])
            edges = edges_of_gaps(gaps, len(y)), weights
        out = cls(data, y, weight, task, features, meta, edges)
        out.__dict__["_arrays_as_stored"] = dict(streams)
        return out

    def to(self, device: torch.device | str) -> SyntheticSet:
        """The same set on another device."""
        return to_device(self, device)

    def __reduce__(self) -> tuple[object, ...]:
        # A mapping proxy in meta cannot be pickled; what is coded already is not coded again.
        parts = (self.data, self.y, self.weight, self.task, self.features, dict(self.meta), self.edges, self.expansion)
        return type(self), parts, {name: self.__dict__[name] for name in CACHED if name in self.__dict__}


def _kind_of(payload: Mapping[str, Declared]) -> type[Expansion] | None:
    return next((kind for kind in EXPANSIONS if kind.MARK in payload), None)


def quantize_uint8(x: Tensor) -> Tensor:
    """Round values to multiples of 1/255 from 0 to 1, which a set stores in one byte each.

    Example:
        >>> (quantize_uint8(torch.tensor([-0.2, 0.5, 1.7])) * 255).tolist()
        [0.0, 128.0, 255.0]
    """
    return to_uint8(x).float() / 255


def to_uint8(x: Tensor) -> Tensor:
    """Values from 0 to 1 as bytes."""
    return (x.clamp(0, 1) * 255).round().to(torch.uint8)


def _to_float(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def soft_labels(y: Tensor, task: Task) -> Tensor:
    """Round soft labels so that each takes one byte; the last class's probability is not stored.

    Args:
        y: float ``[n, C]`` with rows that sum to 1, or ``[n, T]`` from 0 to 1 with NaN for unknown.
        task: ``multiclass`` or ``multilabel``.

    Returns:
        Float32 of the same shape, in multiples of 1/254; stored and loaded without change.

    Example:
        >>> (soft_labels(torch.tensor([[0.25, 0.75]]), "multiclass") * 254).round().tolist()
        [[64.0, 190.0]]
    """
    return unpack_labels(quantize_labels(y, task), task)


def class_weights(y: Tensor, task: Task = "multiclass") -> Tensor:
    """Weights that are equal within each class and sum to 1 there; a soft label counts as its likeliest class.

    Args:
        y: labels, long ``[n]`` or float ``[n, C]``.
        task: with ``multilabel`` and ``regression`` every entry has weight 1 / n.

    Returns:
        Float ``[n]``.

    Example:
        >>> class_weights(torch.tensor([0, 1, 1])).tolist()
        [1.0, 0.5, 0.5]
    """
    label = y if y.dim() == 1 else y.argmax(dim=1)
    if task != "multiclass":
        label = torch.zeros(len(y), dtype=torch.long)
    return 1 / torch.bincount(label).float()[label]
