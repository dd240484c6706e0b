"""Benchmark of Mirage: cost of distillation, speed-up of lossless training, and scores at equal stored bytes.

Every part prints its results and can run alone.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, TypeVar

import rich.console
import torch
from rich.table import Table
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, GINEConv, SAGEConv, global_add_pool, global_mean_pool

from graphdistill.bench.options import MirageBench as Bench
from graphdistill.core.codec import decode_set
from graphdistill.core.command.progress import progress
from graphdistill.core.command.report import Report, Row, peak_memory, table, versions
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.data.tensors import to_device
from graphdistill.core.device import synchronize
from graphdistill.core.evaluation.rows import Plan, baseline_rows, train_plans, train_rows
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.networks.tree_gnn import GNN, Network
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.metrics import per_sample_loss
from graphdistill.core.trees.build import build_forest, uncompressed_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.graph_forest import graph_forest
from graphdistill.core.trees.wl import group, tree_ids
from graphdistill.datasets import load_graphs
from graphdistill.mirage import MirageConfig, distill_mirage
from graphdistill.mirage.command import equal_bytes, equal_labels

T = TypeVar("T")

BUDGETS = {
    "ogbg-molhiv": (1200, 12000, 60000),
    "ogbg-molbace": (600, 2000),
    "NCI1": (1000, 4000, 12000),
    "pains": (1000, 4000, 16000),
}
"""Budgets in bytes at which the targets are set."""
SHARES = (0.03, 0.1, 0.3)
"""Budgets of other data sets, as shares of the bytes of all the data."""

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
        ("12 kB at 2 hops", MirageConfig(bytes=12_000)),
        ("a tenth of the bytes at 2 hops", MirageConfig()),
        ("lossless, 2 hops", MirageConfig(lossless=True)),
        ("lossless, 3 hops", MirageConfig(hops=3, lossless=True)),
    ):
        best, synthetic = _best(partial(distill_mirage, data, config), 1)
        lines.append((name, f"{best:.2f} s", f"{synthetic.nbytes:,} B", f"{(peak_memory() - before) / 2**20:.0f} MB"))
    stream = synthetic.payload()["graphs"].numpy().tobytes()
    best, (decoded, _) = _best(partial(decode_set, stream), 1)
    lines.append(("loading: decoding", f"{best:.2f} s", f"{len(decoded):,} graphs", ""))
    for hops in (2, 3):
        best, forest = _best(partial(graph_forest, decoded, hops))
        lines.append((f"loading: trees of {hops} hops", f"{best:.2f} s", f"{forest.trees.sizes[-1]:,} trees", ""))
    with one_thread():
        best, ids = _best(partial(tree_ids, graphs, 3))
        numbered, _ = _best(partial(group, ids))
    lines.append(("tree ids at 3 hops, one thread", f"{best:.3f} s", f"{graphs.num_nodes:,} nodes", ""))
    lines.append(("... and numbering them", f"{numbered:.3f} s", f"{len(group(ids)[0]):,} trees", ""))
    _print(f"Cost on {data.name}", ("what", "time", "size", "peak memory above the loaded data"), lines)


def lossless(data: GraphDataset, device: torch.device) -> None:
    """Forward and backward over the whole training split: distinct trees against the full graphs."""
    graphs, y = data.split("train")
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
            f"{data.name}, depth {depth}: {forest.trees.sizes[-1]:,} trees for {graphs.num_nodes:,} nodes",
            ("network", "trees", "same network, all nodes", "gain", "stock PyG, all nodes", "gain"),
            lines,
        )


def accuracy(data: GraphDataset, bench: Bench) -> None:
    """All the data and baselines, then a table for each budget, and differences to random data."""
    with progress() as bars:
        protocol = TreeProtocol(data, depth=bench.hops, trainings=bench.seeds, device=bench.torch_device, progress=bars)
        full = protocol.full()
        rows = train_rows(protocol, "all the data, coded without loss", [full])
        facts: dict[str, object] = {"training_bytes": full.nbytes}
        whole = _mean(rows)
        _print_rows(f"Mirage on {data.name}", data, [*rows, *baseline_rows(protocol)], facts)
        verdicts = []
        for budget in bench.budgets or BUDGETS.get(data.name) or [int(share * full.nbytes) for share in SHARES]:
            config, title = MirageConfig(hops=bench.hops, bytes=budget), f"{data.name} at {budget:,} bytes"
            try:
                draws = [
                    distill_mirage(data, config, generator=generator(s, "mirage"), split=protocol.training)
                    for s in range(bench.seeds)
                ]
            except ValueError as error:
                console.print(f"{title}: {error}")
                continue
            seconds = statistics.median(float(str(synthetic.meta["seconds"])) for synthetic in draws)
            plans = [
                Plan("distilled set", draws, seconds, paired=True),
                equal_labels(protocol, budget, bench.seeds, config.label_bits),
                *equal_bytes(protocol, budget, bench.seeds, config.label_bits),
            ]
            rows, size = train_plans(protocol, plans), len(protocol.networks)
            _print_rows(title, data, rows, facts)
            ours, *others = (_mean(rows[k : k + size]) for k in range(0, len(rows), size))
            against = [f"{ours - other:+.3f} to {plan.name}" for plan, other in zip(plans[1:], others, strict=True)]
            verdicts.append(f"{title}: {ours:.3f}; {', '.join(against)}, {ours - whole:+.3f} to all the data")
            console.print(verdicts[-1])
    for verdict in verdicts:
        console.print(verdict)


def _print_rows(title: str, data: GraphDataset, rows: Sequence[Row], facts: dict[str, object]) -> None:
    console.print(table(Report(title=title, metric=data.metric, rows=tuple(rows), facts=facts)))


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
