"""Evaluation of sets of computation trees: tree networks, and random graphs of equal raw or compressed bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar, cast, get_args

import torch
from torch import Tensor

from graphdistill.core.data.datasets import GraphDataset, Metric, Task
from graphdistill.core.data.tensors import largest_that_fits, stratify_labels
from graphdistill.core.evaluation.protocol import BaseProtocol
from graphdistill.core.networks.tree_gnn import GNN, Network
from graphdistill.core.parallel import parallel_map
from graphdistill.core.randomness import class_balanced_order, generator
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.core.trees.tree_counts import TreeCountRegression


@dataclass(frozen=True, kw_only=True)
class TreeProtocol(BaseProtocol[GraphDataset]):
    """Evaluation on forests of computation trees.

    Attributes:
        depth: number of layers of the networks.

    The other attributes are those of :class:`~graphdistill.core.evaluation.protocol.BaseProtocol`.
    """

    networks: tuple[str, ...] = ("GCN", "GAT", "GIN")
    trainings: int = 5
    depth: int

    NETWORKS: ClassVar[tuple[str, ...]] = get_args(Network)
    UNIT: ClassVar[str] = "graphs"
    LINEAR: ClassVar[str] = "logistic regression on tree counts"

    def __getstate__(self) -> dict[str, object]:
        """All fields and the forests, so that other processes need not build them again."""
        return {**self.__dict__, "forests": self.forests}

    @property
    def metric(self) -> Metric:
        """Metric of the data set."""
        return self.data.metric

    @property
    def task(self) -> Task:
        """Task of the data set."""
        return self.data.task

    @cached_property
    def forests(self) -> dict[str, Forest]:
        """Lossless forest of every split."""
        held_out = {name: build_forest(self.data.split(name)[0], self.depth) for name in ("valid", "test")}
        return {"train": self.training.counted, **held_out}

    @cached_property
    def training(self) -> TrainingSplit:
        """The training split, shared with distillation."""
        return TrainingSplit(self.data, self.depth)

    @property
    def raw(self) -> Tensor:
        """Raw bytes of each training graph."""
        return self.training.raw

    def build(self, name: str) -> GNN:
        """A network with weights from torch's global generator."""
        kind = cast(Network, name)
        return GNN(kind, self.data.graphs, self.data.features, self.data.num_outputs, num_layers=self.depth)

    def split(self, name: str) -> tuple[Forest, Tensor]:
        """Forest and labels of one split."""
        return self.forests[name], self.labels(name)

    def inputs(self, synthetic: SyntheticSet) -> Forest:
        """The forest of a set."""
        return synthetic.forest

    def full(self) -> SyntheticSet:
        """The whole training split with raw bytes; trained on as distinct trees, without loss."""
        data, y = self.data, self.labels("train")
        meta = {"raw_bytes": int(self.raw.sum())}
        return RawSet(self.training.forest, y, class_weights(y, data.task), data.task, data.features, meta)

    def random_sets(self, budget: int, draws: int, *, packed: bool) -> list[SyntheticSet]:
        """Random class-balanced training graphs of at most ``budget`` bytes.

        Classes alternate while they last, so that rare ones are included, as in the distilled sets. Each class has the
        same weight in the loss, as in every other row.

        Args:
            budget: bytes.
            draws: number of sets.
            packed: count compressed bytes as of a distilled set (distinct trees once) instead of raw bytes.

        Returns:
            One set per draw, with at least one graph per class, even above the budget.
        """
        found = parallel_map(_random_set, (self, budget, packed), range(draws), jobs=self.jobs)
        return list(self.progress.track(found, "drawing random graphs", draws))

    def linear_models(self, sets: Sequence[SyntheticSet]) -> list[Callable[[str], Tensor]]:
        """Logistic regression on tree counts of all training graphs; the sets are not used."""
        model = TreeCountRegression().fit(self.forests["train"], self.labels("train"), self.metric)
        return [lambda split: model.logits(self.forests[split])]

    def trivial(self, split: str) -> dict[str, Tensor]:
        """Logits of :func:`trivial`."""
        return trivial(self.data, self.forests[split])


def _random_set(context: tuple[TreeProtocol, int, bool], seed: int) -> SyntheticSet:
    """One draw."""
    protocol, budget, packed = context
    label = stratify_labels(protocol.labels("train"))
    least, order = len(label.unique()), class_balanced_order(label, generator(seed, "random graphs"))
    count = max(least, int((protocol.raw[order].cumsum(0) <= budget).sum()))
    if packed:
        count = largest_that_fits(least, len(order), partial(_packed_fits, protocol, order, budget))
    return _labelled(protocol, order[:count], packed=packed)


def _packed_fits(protocol: TreeProtocol, order: Tensor, budget: int, count: int) -> bool:
    """Whether the first ``count`` graphs of an order fit when distinct trees are stored once."""
    return _labelled(protocol, order[:count], packed=True).nbytes <= budget


class RawSet(SyntheticSet):
    """Real graphs whose raw bytes are counted."""

    @property
    def nbytes(self) -> int:
        """Raw bytes of the graphs and labels."""
        count = self.meta["raw_bytes"]
        assert isinstance(count, int)
        return count


def _labelled(protocol: TreeProtocol, index: Tensor, *, packed: bool) -> SyntheticSet:
    """The training graphs at ``index`` as a set."""
    forest, y = protocol.forests["train"].subset(index), protocol.labels("train")[index]
    weight, task, features = class_weights(y, protocol.data.task), protocol.data.task, protocol.data.features
    if packed:
        return SyntheticSet(forest.by_frequency(), y, weight, task, features)
    return RawSet(forest, y, weight, task, features, {"raw_bytes": int(protocol.raw[index].sum())})


def trivial(data: GraphDataset, forest: Forest) -> dict[str, Tensor]:
    """Logits of trivial baselines, by name.

    Under ROC-AUC with two classes the number of nodes (for OGB's molecules also the number of heteroatoms), otherwise
    the majority class; none with many tasks.

    Args:
        data: data set with the training labels.
        forest: graphs to score.
    """
    y = data.y[data.train]
    if data.metric == "rocauc" and data.num_outputs == 2 and y.dim() == 1:
        hetero = {"number of heteroatoms": _one_number(_hetero(forest))} if data.features == "ogb" else {}
        return {"number of nodes": _one_number(forest.num_nodes), **hetero}
    if y.dim() > 1:
        return {}
    major = torch.nn.functional.one_hot(torch.bincount(y).argmax(), data.num_outputs).float()
    return {"majority class": major.expand(len(forest), -1)}


def _one_number(value: Tensor) -> Tensor:
    return torch.stack([-value.float(), value.float()], dim=1) / 2


def _hetero(forest: Forest) -> Tensor:
    """Number of atoms other than carbon (OGB's first feature is the atomic number minus one)."""
    atoms = forest.cut(0)
    other = (atoms.trees.x[:, 0] != 5).long()[atoms.tree] * atoms.count
    return torch.zeros(len(atoms), dtype=torch.long).index_add_(0, atoms.graph, other)
