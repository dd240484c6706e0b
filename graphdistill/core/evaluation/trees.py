"""Evaluation of Mirage's sets: the test score of networks that are trained on a set, and its cost.

Every row uses the same networks, steps and seeds. Checkpoints are chosen on validation, once per training, and the
test split is evaluated once, with that checkpoint.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain

import torch
from torch import Tensor

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.command.report import Row
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.tensors import largest_that_fits, stratify_labels
from graphdistill.core.digest import digest
from graphdistill.core.networks.tree_gnn import GNN, Network
from graphdistill.core.parallel import parallel_map
from graphdistill.core.randomness import class_balanced_order, generator, scoped
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.training.fit import FitConfig, fit_together, predict
from graphdistill.core.training.metrics import score
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.core.trees.tree_counts import TreeCountRegression


@dataclass(frozen=True)
class TreeProtocol:
    """Data, networks and seeds that all rows of one report share.

    Attributes:
        data: the real data.
        depth: number of layers of the networks.
        networks: names of the trained networks.
        seeds: number of trainings of each network, with seeds from 0, independent of the distillation's seed.
        fit: training config.
        jobs: parallel processes for trainings. (default: 1)
        progress: shows bars.
    """

    data: GraphDataset
    depth: int
    networks: tuple[Network, ...] = ("GCN", "GAT", "GIN")
    seeds: int = 5
    fit: FitConfig = field(default_factory=FitConfig)
    jobs: int = 1
    progress: Progress = NO_PROGRESS

    def __getstate__(self) -> dict[str, object]:
        """All fields and the forests, so that other processes need not build them again."""
        return {**self.__dict__, "forests": self.forests}

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

    def labels(self, split: str) -> Tensor:
        """Labels of one split."""
        index: Tensor = getattr(self.data, split)
        return self.data.y[index]

    def network(self, name: Network, seed: int) -> GNN:
        """A fresh network; its weights depend on its name and the seed alone."""
        with scoped(seed, "weights", name):
            return GNN(name, self.data.graphs, self.data.features, self.data.num_outputs, num_layers=self.depth)

    def test_score(self, model: GNN, split: str = "test") -> float:
        """Metric of a network on a split."""
        return score(predict(model, self.forests[split]), self.labels(split), self.data.metric)


@dataclass(frozen=True)
class RowPlan:
    """Training sets of the rows of one name.

    Attributes:
        name: name of the rows, one per network.
        sets: one set for all seeds, or one per seed (draws of a random baseline).
        distill_seconds: seconds of making the set. (default: nothing was distilled)
        seeds: number of trainings of each network. (default: the protocol's)
    """

    name: str
    sets: Sequence[SyntheticSet]
    distill_seconds: float | None = None
    seeds: int | None = None


def train_rows(
    protocol: TreeProtocol,
    name: str,
    sets: Sequence[SyntheticSet],
    distill_seconds: float | None = None,
    seeds: int | None = None,
) -> list[Row]:
    """Train every network on a set, one training per seed.

    Args:
        protocol: data, networks, seeds.
        name: name of the rows.
        sets: one set for all seeds, or one per seed (draws of a random baseline).
        distill_seconds: seconds of making the set. (default: nothing was distilled)
        seeds: number of trainings. (default: the protocol's)

    Returns:
        One row per network.
    """
    return train_plans(protocol, [RowPlan(name, sets, distill_seconds, seeds)])


def train_plans(protocol: TreeProtocol, plans: Sequence[RowPlan]) -> list[Row]:
    """Train every network on the sets of all plans, in parallel on the protocol's processes.

    Args:
        protocol: data, networks, seeds, number of processes.
        plans: training sets of each row.

    Returns:
        One row per plan and network, in the order of the plans.
    """
    content = {id(part): digest((part.payload(), part.task)) for plan in plans for part in plan.sets}
    sets = list({content[id(part)]: part for plan in plans for part in plan.sets}.values())
    number = {content[id(part)]: number for number, part in enumerate(sets)}
    place = {part: number[found] for part, found in content.items()}
    of_plan = [
        [(place[id(plan.sets[seed % len(plan.sets)])], seed) for seed in range(plan.seeds or protocol.seeds)]
        for plan in plans
    ]
    # Sets that plans share, such as all the data and the lossless set, are trained on once. The longest trainings
    # start first, so that all processes stay busy to the end.
    runs = sorted(dict.fromkeys(chain(*of_plan)), key=lambda run: -len(sets[run[0]]))
    results = parallel_map(_train, (protocol, sets), runs, jobs=protocol.jobs)
    found = dict(zip(runs, protocol.progress.track(results, "training networks", len(runs)), strict=True))
    rows = []
    for plan, its_runs in zip(plans, of_plan, strict=True):
        for network in protocol.networks:
            test, valid, seconds = zip(*(found[run][network] for run in its_runs), strict=True)
            rows.append(
                Row(
                    name=plan.name,
                    group=network,
                    test=test,
                    valid=valid,
                    nbytes=round(statistics.fmean(s.nbytes for s in plan.sets)),
                    entries=round(statistics.fmean(len(s) for s in plan.sets)),
                    distill_seconds=plan.distill_seconds,
                    train_seconds=statistics.fmean(seconds),
                )
            )
    return rows


def _train(
    context: tuple[TreeProtocol, Sequence[SyntheticSet]], run: tuple[int, int]
) -> dict[Network, tuple[float, float, float]]:
    """All networks on one set from one seed: test score, validation score and seconds of each."""
    protocol, sets = context
    number, seed = run
    part, models = sets[number], {network: protocol.network(network, seed) for network in protocol.networks}
    fitted = fit_together(
        list(models.values()),
        part.forest,
        part.y,
        valid=(protocol.forests["valid"], protocol.labels("valid")),
        metric=protocol.data.metric,
        task=part.task,
        weight=part.weight,
        config=protocol.fit,
        seed=seed,
    )
    return {
        network: (protocol.test_score(model), best.valid, best.seconds)
        for (network, model), best in zip(models.items(), fitted, strict=True)
    }


def random_sets(protocol: TreeProtocol, budget: int, *, packed: bool) -> list[SyntheticSet]:
    """Random class-balanced training graphs of at most ``budget`` bytes, one draw per seed.

    Classes alternate while they last, so that rare ones are included, as in the distilled sets. Each class has the
    same weight in the loss, as in every other row.

    Args:
        protocol: data and seeds.
        budget: bytes.
        packed: count compressed bytes as of a distilled set (distinct trees once) instead of raw bytes.

    Returns:
        One set per seed, with at least one graph per class, even above the budget.
    """
    draws = parallel_map(_random_set, (protocol, budget, packed), range(protocol.seeds), jobs=protocol.jobs)
    return list(protocol.progress.track(draws, "drawing random graphs", protocol.seeds))


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


def full_set(protocol: TreeProtocol) -> SyntheticSet:
    """The whole training split with raw bytes; trained on as distinct trees, without loss."""
    data, y = protocol.data, protocol.labels("train")
    meta = {"raw_bytes": int(protocol.raw.sum())}
    return RawSet(protocol.training.forest, y, class_weights(y, data.task), data.task, data.features, meta)


def baseline_rows(protocol: TreeProtocol) -> list[Row]:
    """Baselines without a distilled set.

    Returns:
        The untrained networks, logistic regression on tree counts, and the trivial baselines of :func:`trivial`.
    """
    data, rows = protocol.data, []
    for network in protocol.networks:
        tests = tuple(protocol.test_score(protocol.network(network, seed)) for seed in range(protocol.seeds))
        rows.append(Row(name="untrained network", group=network, test=tests, valid=(), nbytes=None, entries=None))
    train, y = protocol.forests["train"], protocol.labels("train")
    start = time.perf_counter()
    model = TreeCountRegression().fit(train, y, data.metric)
    seconds = time.perf_counter() - start
    linear = "logistic regression on tree counts"
    logits = {
        s: {linear: model.logits(protocol.forests[s]), **trivial(data, protocol.forests[s])} for s in ("valid", "test")
    }
    for name in logits["test"]:
        valid, test = (score(logits[s][name], protocol.labels(s), data.metric) for s in ("valid", "test"))
        learnt = seconds if name.startswith("logistic") else None
        rows.append(
            Row(name=name, group=None, test=(test,), valid=(valid,), nbytes=None, entries=None, train_seconds=learnt)
        )
    return rows


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
