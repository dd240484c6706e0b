"""What small sets are for: to choose one of 24 networks, and to remember earlier tasks.

The part networks trains all of them on a small set, on as many random entries, on random entries of equal bytes and on
all the data. Kendall's tau compares the order of validation scores with that of test scores of trainings on all the
data with other seeds; the regret is how much worse than the best the chosen network is by these. The part memory learns
five tasks of two classes one after another, next to a memory of what has gone.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, ClassVar, cast

import rich.console
import torch
from rich.table import Table
from scipy.stats import kendalltau
from torch import Tensor, nn

from graphdistill.bench.memory import memory_table
from graphdistill.bench.options import SearchBench as Bench
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of
from graphdistill.condense.distill import distill_condense
from graphdistill.core.command.report import mean_and_deviation, versions
from graphdistill.core.data.datasets import GraphDataset, NodeDataset
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.evaluation.protocol import BaseProtocol, TrainingInput
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.networks.convnet import ConvNet, ConvNetNorm
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.networks.node_gcn import NodeGCN
from graphdistill.core.networks.tree_gnn import GNN, Network
from graphdistill.core.networks.vit import ViT
from graphdistill.core.parallel import default_jobs, parallel_map
from graphdistill.core.randomness import class_balanced_order
from graphdistill.core.randomness import generator as stream
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.graph_forest import graph_forest
from graphdistill.datasets import load
from graphdistill.mirage import MirageConfig, distill_mirage

HOPS = 3
"""Depth of trees: the most layers of a network on graphs."""
console = rich.console.Console(width=150)


def _image_networks() -> dict[str, Callable[..., nn.Module]]:
    """18 convolutional networks, 3 perceptrons and 3 transformers."""
    made: dict[str, Callable[..., nn.Module]] = {}
    norms: tuple[ConvNetNorm, ...] = ("instance", "batch")
    for width, depth, norm in product((8, 16, 32), (1, 2, 3), norms):
        made[f"ConvNet {width}x{depth} {norm}"] = partial(ConvNet, width=width, depth=depth, norm=norm)
    made |= {f"MLP {width}": partial(MLP, width=width) for width in (32, 128, 512)}
    return made | {f"ViT {width}": partial(ViT, width=width) for width in (16, 32, 64)}


IMAGES = _image_networks()
NODES = {
    f"GCN {width}x{depth} dropout {dropout}": partial(NodeGCN, width=width, depth=depth, dropout=dropout)
    for width, depth, dropout in product((8, 16, 64, 256), (2, 3), (0.0, 0.5, 0.8))
}
GRAPHS = {
    f"{kind} {width}x{depth}": (kind, width, depth)
    for kind, width, depth in product(("GCN", "GraphSAGE", "GAT", "GIN"), (16, 64), (1, 2, 3))
}


@dataclass(frozen=True, kw_only=True)
class _Images(ImageProtocol):
    """24 networks for images of 16 pixels or more."""

    networks: tuple[str, ...] = tuple(IMAGES)
    NETWORKS: ClassVar[tuple[str, ...]] = tuple(IMAGES)

    def build(self, name: str) -> nn.Module:
        return IMAGES[name](tuple(self.data.images.shape[1:]), self.num_classes)


@dataclass(frozen=True, kw_only=True)
class _Nodes(NodeProtocol):
    """24 networks for nodes."""

    networks: tuple[str, ...] = tuple(NODES)
    NETWORKS: ClassVar[tuple[str, ...]] = tuple(NODES)

    def build(self, name: str) -> NodeGCN:
        return NODES[name](self.data.x.shape[1], self.num_classes)


@dataclass(frozen=True, kw_only=True)
class _Graphs(TreeProtocol):
    """24 networks for graphs."""

    networks: tuple[str, ...] = tuple(GRAPHS)
    depth: int = HOPS
    NETWORKS: ClassVar[tuple[str, ...]] = tuple(GRAPHS)

    def build(self, name: str) -> nn.Module:
        kind, width, depth = GRAPHS[name]
        data = self.data
        return _Shallow(
            GNN(
                cast(Network, kind),
                data.graphs,
                data.features,
                data.num_outputs,
                hidden_channels=width,
                num_layers=depth,
            ),
            depth,
        )


class _Shallow(nn.Module):
    """A network on trees that are cut to its depth."""

    def __init__(self, net: nn.Module, depth: int):
        super().__init__()
        self.net, self.depth = net, depth

    def forward(self, forest: Forest) -> Tensor:
        out: Tensor = self.net(forest if forest.trees.depth == self.depth else forest.cut(self.depth))
        return out


@dataclass(frozen=True)
class Source:
    """What networks are trained on: one set for each seed, and the seconds that making one needs."""

    name: str
    sets: Sequence[SyntheticSet | TrainingInput]
    seconds: float = 0.0
    first_seed: int = 0


def main(bench: Bench) -> None:
    """All parts, one data set after another."""
    console.print({**versions(), "threads": torch.get_num_threads()})
    if "networks" in bench.parts:
        for name in bench.datasets:
            choose_networks(bench, name)
    if "memory" in bench.parts:
        for name in bench.tasks:
            console.print(memory_table(bench, name))


def choose_networks(bench: Bench, name: str) -> None:
    """All networks on every source, and what choosing by each costs."""
    protocol, sources = _sources(bench, load(name, bench.root))
    truth = Source("all the data, other seeds", [protocol.full()] * bench.seeds, first_seed=1000)
    rows = []
    for source in (truth, *sources):
        start = time.perf_counter()
        runs = [(network, seed) for seed in range(len(source.sets)) for network in protocol.NETWORKS]
        split = "test" if source is truth else "valid"
        jobs = bench.jobs or default_jobs()
        scores = list(parallel_map(_trained, (protocol, source, split), runs, jobs=jobs))
        found = {run: value for run, (value, _) in zip(runs, scores, strict=True)}
        if source is truth:
            true = {n: statistics.fmean(found[n, seed] for seed in range(bench.seeds)) for n in protocol.NETWORKS}
            best = max(true.values())
            winner = max(true, key=true.__getitem__)
            console.print(f"{name}: best is {winner} {best:.4f}, after {time.perf_counter() - start:.0f} s")
            continue
        taus, regrets = [], []
        for seed in range(len(source.sets)):
            valid = [found[network, seed] for network in protocol.NETWORKS]
            taus.append(float(kendalltau(valid, list(true.values())).statistic))
            regrets.append(best - true[protocol.NETWORKS[valid.index(max(valid))]])
        seconds = sum(spent for _, spent in scores) / len(source.sets)
        rows.append((source, taus, regrets, seconds))
        found_by = f"tau {mean_and_deviation(taus, 4)}, regret {mean_and_deviation(regrets, 4)}"
        console.print(f"{name}, {source.name}: {found_by}, {seconds:.0f} s")
    table = Table(title=f"{name}: one of {len(true)} networks, {bench.seeds} sets", title_justify="left")
    for column in ("trained on", "entries", "bytes", "Kendall's tau", "regret", "s of trainings", "s of the set"):
        table.add_column(column, justify="left" if column == "trained on" else "right")
    for source, taus, regrets, seconds in rows:
        sizes = [len(s) if isinstance(s, SyntheticSet) else s.entries for s in source.sets]
        nbytes = [s.nbytes or 0 for s in source.sets]
        table.add_row(
            source.name,
            f"{statistics.fmean(sizes):,.0f}",
            f"{statistics.fmean(nbytes):,.0f}",
            mean_and_deviation(taus, 4),
            mean_and_deviation(regrets, 4),
            f"{seconds:.0f}",
            f"{source.seconds:.0f}" if source.seconds else "",
        )
    table.add_row("a network at random", "", "", "0", f"{best - statistics.fmean(true.values()):.4f}", "0", "")
    console.print(table)


def _sources(bench: Bench, data: Any) -> tuple[BaseProtocol[Any], list[Source]]:
    """The protocol with 24 networks, and what they are trained on."""
    seeds = range(bench.seeds)
    start = time.perf_counter()
    if isinstance(data, GraphDataset):
        trees = _Graphs(data, device=bench.torch_device)
        config = MirageConfig(hops=HOPS)
        small = [distill_mirage(data, config)] * bench.seeds
        spent = (time.perf_counter() - start) / bench.seeds
        equal = trees.random_sets(small[0].nbytes, bench.seeds)
        some = [_some_graphs(data, len(small[0]), seed) for seed in seeds]
        return trees, _named("Mirage", small, spent, some, equal, trees.full(), "graphs")
    kind: Any = _Nodes if isinstance(data, NodeDataset) else _Images
    augment = {} if isinstance(data, NodeDataset) else {"augment": protocol_of(data).augment}
    protocol = kind(data, device=bench.torch_device, **augment)
    method = "gcdm" if isinstance(data, NodeDataset) else "dm"
    condense = CondenseConfig(method=method, per_class=bench.per_class, bits="full")
    small = [distill_condense(data, condense, generator=stream(seed, "condense")) for seed in seeds]
    spent = (time.perf_counter() - start) / bench.seeds
    some = [protocol.chosen(protocol.random_order(seed)[: len(small[0])]) for seed in seeds]
    equal = protocol.random_sets(max(s.nbytes for s in small), bench.seeds)
    return protocol, _named(method, small, spent, some, equal, protocol.full(), protocol.UNIT)


def _named(
    method: str,
    small: Sequence[SyntheticSet],
    seconds: float,
    some: Sequence[SyntheticSet],
    equal: Sequence[SyntheticSet],
    full: SyntheticSet | TrainingInput,
    unit: str,
) -> list[Source]:
    return [
        Source(f"the set of {method}", small, seconds),
        Source(f"random {unit}, equal number", some),
        Source(f"random {unit}, equal bytes", equal),
        Source("all the data", [full] * len(small)),
    ]


def _some_graphs(data: GraphDataset, count: int, seed: int) -> SyntheticSet:
    """As many random graphs, classes alternating."""
    graphs, y = data.split("train")
    index = class_balanced_order(y, stream(seed, "random graphs"))[:count]
    forest = graph_forest(graphs.subset(index), HOPS)
    return SyntheticSet(forest, y[index], class_weights(y[index]), features=data.features)


def _trained(context: tuple[BaseProtocol[Any], Source, str], run: tuple[str, int]) -> tuple[float, float]:
    """Score of a network that is trained on a set, and the seconds of the training."""
    (protocol, source, split), (network, seed) = context, run
    start = time.perf_counter()
    ((net, result),) = protocol.train_all(source.sets[seed], source.first_seed + seed, networks=[network]).values()
    seconds = time.perf_counter() - start
    return (result.valid if split == "valid" else protocol.score(net, split)), seconds
