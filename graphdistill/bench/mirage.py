"""Benchmark of Mirage: cost of distillation, speed-up of lossless training, and scores at three budgets.

Every part prints its results and can run alone.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar

import rich.console
import torch
from rich.table import Table
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, GINEConv, SAGEConv, global_add_pool, global_mean_pool

from graphdistill.bench.options import MirageBench as Bench
from graphdistill.core.command.progress import progress
from graphdistill.core.command.report import Report, Row, peak_memory, table, versions
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import to_device
from graphdistill.core.device import synchronize
from graphdistill.core.evaluation.rows import baseline_rows, train_rows
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.networks.tree_gnn import GNN, Network
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.metrics import per_sample_loss
from graphdistill.core.trees.build import build_forest, uncompressed_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.raw_bytes import raw_bytes
from graphdistill.core.trees.wl import group, tree_ids
from graphdistill.datasets import load_graphs
from graphdistill.mirage import MirageConfig, distill_mirage

T = TypeVar("T")

BUDGETS = (0.001, 0.01, 0.05)

console = rich.console.Console(width=110)


def main(bench: Bench) -> None:
    """Run the selected parts."""
    console.print({**versions(), "threads": torch.get_num_threads()})
    if "cost" in bench.parts:
        cost(load_graphs(bench.datasets[0], bench.root))
    if "lossless" in bench.parts:
        lossless(load_graphs(bench.datasets[0], bench.root), bench.torch_device)
    if "accuracy" in bench.parts:
        for name in bench.datasets:
            accuracy(load_graphs(name, bench.root), bench)


def cost(data: GraphDataset) -> None:
    """Seconds and memory from loaded tensors to sets, and of tree ids alone on one thread."""
    graphs, _ = data.split("train")
    before = peak_memory()
    lines: list[tuple[str, ...]] = []
    for name, config in (
        ("3 hops, 1 % of the bytes", MirageConfig(hops=3, fraction=0.01)),
        ("3 hops, lossless", MirageConfig(hops=3, lossless=True)),
        ("2 hops, 1 % of the bytes", MirageConfig(fraction=0.01)),
        ("2 hops, lossless", MirageConfig(lossless=True)),
    ):
        best, synthetic = _best(partial(distill_mirage, data, config))
        lines.append((name, f"{best:.2f} s", f"{synthetic.nbytes:,} B", f"{(peak_memory() - before) / 2**20:.0f} MB"))
    with one_thread():
        best, ids = _best(partial(tree_ids, graphs, 3))
        numbered, _ = _best(partial(group, ids))
    lines.append(("tree ids at 3 hops, one thread", f"{best:.3f} s", f"{graphs.num_nodes:,} nodes", ""))
    lines.append(("... and numbering them", f"{numbered:.3f} s", f"{len(group(ids)[0]):,} trees", ""))
    _print(f"Cost on {data.name}: best of 3", ("what", "time", "size", "peak memory above the loaded data"), lines)


def lossless(data: GraphDataset, device: torch.device) -> None:
    """Forward and backward over the whole training split: distinct trees against the full graphs."""
    graphs, y = data.split("train")
    raw = int(raw_bytes(graphs).sum())
    networks: tuple[Network, ...] = ("GCN", "GraphSAGE", "GAT", "GIN")
    for depth in (2, 3):
        forest = build_forest(graphs, depth).by_frequency()
        inputs = forest, uncompressed_forest(graphs, depth), graphs
        distinct, plain, stock_input, labels = to_device((*inputs, y), device)
        lines: list[tuple[str, ...]] = []
        for network in networks:
            with scoped(0, network):
                ours = GNN(network, data.graphs, data.features, data.num_outputs, num_layers=depth).to(device)
                stock = _Stock(network, data, depth).to(device)
            shared, _ = _best(partial(_step, ours, distinct, labels))
            full, _ = _best(partial(_step, ours, plain, labels), 2)
            pyg, _ = _best(partial(_step, stock, stock_input, labels), 2)
            gains = f"{full / shared:.1f}x", f"{pyg / shared:.1f}x"
            lines.append((network, f"{shared:.2f} s", f"{full:.2f} s", gains[0], f"{pyg:.2f} s", gains[1]))
            console.print(*lines[-1])
        _print(
            f"{data.name}, depth {depth}: {forest.trees.sizes[-1]:,} trees for {graphs.num_nodes:,} nodes, "
            f"{forest.nbytes:,} B lossless against {raw:,} B raw ({100 * forest.nbytes / raw:.1f} %)",
            ("network", "trees", "same network, all nodes", "gain", "stock PyG, all nodes", "gain"),
            lines,
        )


def accuracy(data: GraphDataset, bench: Bench) -> None:
    """All rows at every budget, and differences to the baselines."""
    with progress() as bars:
        protocol = TreeProtocol(data, depth=bench.hops, trainings=bench.seeds, device=bench.torch_device, progress=bars)
        total = int(protocol.raw.sum())
        rows = train_rows(protocol, "all the data", [protocol.full()])
        verdicts = []
        for share in BUDGETS:
            config = MirageConfig(hops=bench.hops, fraction=share)
            try:
                draws = [distill_mirage(data, config, generator=generator(s, "mirage")) for s in range(bench.seeds)]
            except ValueError as error:
                console.print(f"{data.name} at {100 * share:g} %: {error}")
                continue
            seconds = statistics.median(float(str(synthetic.meta["seconds"])) for synthetic in draws)
            label = f"{100 * share:g} %"
            ours = train_rows(protocol, f"distilled, {label}", draws, seconds, paired=True)
            budget = int(share * total)
            sets = {packed: protocol.random_sets(budget, bench.seeds, packed=packed) for packed in (False, True)}
            raw = train_rows(protocol, f"random graphs, {label}", sets[False], paired=True)
            packed = train_rows(protocol, f"random graphs, compressed, {label}", sets[True], paired=True)
            rows += ours + raw + packed
            verdicts.append(
                f"{data.name} at {label}: {_mean(ours):.3f}, {_mean(ours) - _mean(raw):+.3f} over random graphs, "
                f"{_mean(ours) - _mean(packed):+.3f} over random graphs of equal compressed bytes, "
                f"{_mean(ours) - _mean(rows[: len(protocol.networks)]):+.3f} to all the data"
            )
            console.print(verdicts[-1])
        rows += baseline_rows(protocol)
    facts = {"raw_bytes": total}
    console.print(table(Report(title=f"Mirage on {data.name}", metric=data.metric, rows=tuple(rows), facts=facts)))
    for verdict in verdicts:
        console.print(verdict)


class _Stock(nn.Module):
    """The same kind of network of PyG's layers, on all nodes."""

    def __init__(self, network: Network, data: GraphDataset, depth: int, channels: int = 64):
        super().__init__()
        ours = GNN(network, data.graphs, data.features, data.num_outputs, num_layers=depth)
        self.takes_edges = network in ("GAT", "GIN") and data.graphs.edge_attr is not None
        edges = [conv.get_submodule("edge_encoder") for conv in ours.convs if self.takes_edges]
        self.encoder, self.edges = ours.encoder, nn.ModuleList(edges)
        make: dict[str, Callable[[], nn.Module]] = {
            "GCN": lambda: GCNConv(channels, channels),
            "GraphSAGE": lambda: SAGEConv(channels, channels),
            "GAT": lambda: GATConv(channels, channels // 4, heads=4, edge_dim=channels),
            "GIN": lambda: GINEConv(
                nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels))
            ),
        }
        self.convs = nn.ModuleList(make[network]() for _ in range(depth))
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(depth))
        self.hidden, self.hidden_norm = nn.Linear(ours.hidden.in_features, channels), nn.BatchNorm1d(channels)
        self.head = nn.Linear(channels, data.num_outputs)

    def forward(self, graphs: Graphs) -> Tensor:
        """Logits of all graphs."""
        layers = [self.encoder(graphs.x)]
        for k, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            extra = (self.edges[k](graphs.edge_attr),) if self.takes_edges else ()
            layers.append(norm(conv(layers[-1], graphs.edge_index, *extra)).relu())
        pools = global_mean_pool, global_add_pool
        pooled = [pool(h, graphs.graph_of_node, len(graphs)) for h in layers for pool in pools]
        out: Tensor = self.head(self.hidden_norm(self.hidden(torch.cat(pooled, dim=1))).relu())
        return out


def _step(model: nn.Module, batch: Forest | Graphs, y: Tensor) -> None:
    model.zero_grad(set_to_none=True)
    task: Literal["multiclass", "multilabel"] = "multiclass" if y.dim() == 1 else "multilabel"
    per_sample_loss(model(batch), y, task).mean().backward()
    synchronize(y.device)


def _best(work: Callable[[], T], repeats: int = 3) -> tuple[float, T]:
    """Shortest wall-clock seconds of some runs, and the last result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        out = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), out


def _mean(rows: list[Row]) -> float:
    return sum(row.mean for row in rows) / len(rows)


def _print(title: str, columns: tuple[str, ...], lines: list[tuple[str, ...]]) -> None:
    out = Table(title=title)
    for column in columns:
        out.add_column(column)
    for line in lines:
        out.add_row(*line)
    console.print(out)
