"""Evaluation of sets of computation trees: tree networks, and random graphs of equal coded bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, cast, get_args

import torch
from torch import Tensor, nn

from graphdistill.core.data.datasets import GraphDataset, Metric, Task
from graphdistill.core.data.tensors import target_moments
from graphdistill.core.digest import digest
from graphdistill.core.evaluation.protocol import BaseProtocol
from graphdistill.core.networks.standardized import StandardizedOutput
from graphdistill.core.networks.tree_gnn import GNN, Network
from graphdistill.core.parallel import parallel_map
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet
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

    @property
    def linear(self) -> str:
        """Name of the row of linear models."""
        return f"{'ridge' if self.task == 'regression' else 'logistic'} regression on tree counts"

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
        test = build_forest(self.data.split("test")[0], self.depth)
        return {"train": self.training.counted, "valid": self.training.held_out, "test": test}

    @cached_property
    def training(self) -> TrainingSplit:
        """The training split, shared with distillation."""
        return TrainingSplit(self.data, self.depth)

    def build(self, name: str) -> nn.Module:
        """A network with weights from torch's global generator; of targets in the unit of the training split's."""
        kind = cast(Network, name)
        net = GNN(kind, self.data.graphs, self.data.features, self.data.num_outputs, num_layers=self.depth)
        return StandardizedOutput(net, self.labels("train")) if self.task == "regression" else net

    def split(self, name: str) -> tuple[Forest, Tensor]:
        """Forest and labels of one split."""
        return self.forests[name], self.labels(name)

    def inputs(self, synthetic: SyntheticSet) -> Forest:
        """The forest of a set."""
        return synthetic.forest.counts()

    def content(self, synthetic: SyntheticSet) -> str:
        """Digest of all that a training on a set depends on."""
        return digest((self.inputs(synthetic), synthetic.y, synthetic.weight, synthetic.task))

    def full(self) -> SyntheticSet:
        """The whole training split, coded without loss; trained on as distinct trees."""
        return self.training.whole

    def random_sets(self, budget: int, draws: int, *, soft: bool = False, bits: int = 8) -> list[SyntheticSet]:
        """Random class-balanced training graphs of at most ``budget`` bytes, in the codec.

        Classes, or quantiles of targets, alternate while they last, so that rare ones are included, as in the distilled
        sets. Each class has the same weight in the loss, as in every other row.

        Args:
            budget: bytes.
            draws: number of sets.
            soft: give graphs the soft labels of the distilled sets. (default: their own)
            bits: precision of soft labels, and of targets. (default: 8)

        Returns:
            One set per draw, with at least one graph per class or quantile, even above the budget.
        """
        if soft:
            assert len(self.training.teacher)  # fitted here, so that processes need not fit it
        found = parallel_map(_random_set, (self, budget, soft, bits), range(draws), jobs=self.jobs)
        return list(self.progress.track(found, "drawing random graphs", draws))

    def linear_models(self, sets: Sequence[SyntheticSet]) -> list[Callable[[str], Tensor]]:
        """Linear model on tree counts of all training graphs; the sets are not used."""
        model = TreeCountRegression().fit(*self.split("train"), self.metric, self.split("valid"))
        return [lambda split: model.logits(self.forests[split])]

    def trivial(self, split: str) -> dict[str, Tensor]:
        """Logits of :func:`trivial`."""
        return trivial(self.data, self.forests[split])


def _random_set(context: tuple[TreeProtocol, int, bool, int], seed: int) -> SyntheticSet:
    """One draw."""
    protocol, budget, soft, bits = context
    order = protocol.training.random_order(generator(seed, "random graphs"))
    return protocol.training.within(order, budget, soft=soft, bits=bits)


def trivial(data: GraphDataset, forest: Forest) -> dict[str, Tensor]:
    """Logits of trivial baselines, by name.

    Under ROC-AUC with two classes the number of nodes (for OGB's molecules also the number of heteroatoms), of targets
    the mean of each, otherwise the majority class; none with many tasks.

    Args:
        data: data set with the training labels.
        forest: graphs to score.
    """
    y = data.y[data.train]
    if data.task == "regression":
        return {"mean": target_moments(y)[0].expand(len(forest), -1)}
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
