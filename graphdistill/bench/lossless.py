"""Benchmark of lossless training: PyG models on distinct trees against the same models on ordinary batches.

One table per depth, in seconds of one CPU thread (on a GPU, of the wall clock): full batches, forward and backward, and
whole epochs of mini-batches, with their loading. Then training to a plateau, and epochs of a network of OGB's size.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import rich.console
import torch
from rich.table import Table
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    GCNConv,
    GINEConv,
    GraphConv,
    SAGEConv,
    TransformerConv,
    global_mean_pool,
)

from graphdistill.bench.lossless_plateau import Plateau, labelled
from graphdistill.bench.options import LosslessBench as Bench
from graphdistill.core.command.report import versions
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.device import synchronize
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.metrics import per_sample_loss
from graphdistill.datasets import load_graphs
from graphdistill.mirage import LosslessLoader, lossless
from graphdistill.mirage.layered.batch import LosslessBatch

CHANNELS = 64
OGB_DEPTH, OGB_CHANNELS = 5, 300
"""Size of OGB's networks."""
CONVS: dict[str, tuple[Callable[[int], nn.Module], bool]] = {
    "GCN": (lambda c: GCNConv(c, c), False),
    "GraphSAGE": (lambda c: SAGEConv(c, c), False),
    "GIN": (lambda c: GINEConv(_mlp(c)), True),
    "GAT": (lambda c: GATConv(c, c // 4, heads=4, edge_dim=c), True),
    "GATv2": (lambda c: GATv2Conv(c, c // 4, heads=4, edge_dim=c), True),
    "GraphConv": (lambda c: GraphConv(c, c), False),
    "Transformer": (lambda c: TransformerConv(c, c // 4, heads=4, edge_dim=c), True),
}
"""PyG's convolutions by their width, and whether they read edge features."""

HOW = ("ordinary", "lossless", "accelerated")
console = rich.console.Console(width=150)


def main(bench: Bench) -> None:
    """Run the selected parts at every depth."""
    console.print({**versions(), "device": str(bench.torch_device)})
    data = load_graphs(bench.dataset, bench.root)
    with one_thread():
        if set(bench.parts) & {"steps", "epochs"}:
            for depth in bench.depths:
                console.print(table(data, depth, bench))
        if "plateau" in bench.parts:
            for seed in range(bench.seeds):
                console.print(plateau(data, seed, bench).table(console.print))
        if "large" in bench.parts:
            large(data, bench)


def plateau(data: GraphDataset, seed: int, bench: Bench) -> Plateau:
    """GIN of three layers, trained in several ways."""
    return Plateau(
        model=partial(Model, "GIN", data, 3, seed=seed),
        data=data,
        depth=3,
        batch_size=bench.batch_size,
        budgets=bench.budgets,
        target=bench.target,
        seed=seed,
    )


def large(data: GraphDataset, bench: Bench) -> None:
    """Seconds of an epoch of GIN in OGB's size."""
    model = Model("GIN", data, OGB_DEPTH, OGB_CHANNELS).to(bench.torch_device)
    seconds = epochs(model, labelled(data, "train"), depth=OGB_DEPTH, size=bench.batch_size, device=bench.torch_device)
    console.print(f"GIN, {OGB_DEPTH} layers, width {OGB_CHANNELS}, an epoch in batches of {bench.batch_size}:")
    console.print(*(f"{how} {cell}" for how, cell in zip(HOW, _cells(seconds), strict=True)), sep="; ")


def table(data: GraphDataset, depth: int, bench: Bench) -> Table:
    """Seconds and gains of all networks at one depth."""
    out = Table(title=f"{data.name}, depth {depth}: seconds, and the gain over ordinary batches")
    timed = [part for part in ("steps", "epochs") if part in bench.parts]
    columns = [f"{part}, {how}" for part in timed for how in HOW]
    for column in ("network", *columns):
        out.add_column(column)
    parts = {"steps": partial(steps, depth=depth), "epochs": partial(epochs, depth=depth, size=bench.batch_size)}
    listed = labelled(data, "train")
    for network in bench.networks:
        seconds = []
        for part in timed:
            model = Model(network, data, depth).to(bench.torch_device)
            seconds.append(parts[part](model, listed, device=bench.torch_device))
        out.add_row(network, *(cell for times in seconds for cell in _cells(times)))
        console.print(network, *(cell for times in seconds for cell in _cells(times)))
    return out


def steps(model: nn.Module, graphs: list[Data], *, depth: int, device: torch.device) -> list[float]:
    """Seconds of a forward and a backward pass over all graphs: ordinary, lossless and accelerated."""
    ordinary = next(iter(DataLoader(graphs, len(graphs)))).to(device)
    seconds = [_best(lambda: _step(model(ordinary), model, ordinary.y), 1, device)]
    for accelerate in (False, True):
        batch = lossless(graphs, depth, accelerate=accelerate).to(device)
        seconds.append(_best(partial(_run, batch, model), 3, device))
    return seconds


def epochs(model: nn.Module, graphs: list[Data], *, depth: int, size: int, device: torch.device) -> list[float]:
    """Seconds of a whole epoch of training in mini-batches, with their making: ordinary, lossless and accelerated."""
    order = generator(0, "lossless bench")
    loaders = [
        DataLoader(graphs, size, shuffle=True, generator=order),
        *(
            LosslessLoader(graphs, model, depth, batch_size=size, shuffle=True, generator=order, accelerate=accelerate)
            for accelerate in (False, True)
        ),
    ]
    optimizer = torch.optim.Adam(model.parameters())

    def epoch(loader: DataLoader | LosslessLoader) -> None:
        for batch in loader:
            batch = batch.to(device)
            _step(model(batch), model, batch.y)
            optimizer.step()

    return [_best(partial(epoch, loader), runs, device) for loader, runs in zip(loaders, (1, 2, 2), strict=True)]


class Model(nn.Module):
    """A graph classifier as people write it: embeddings, convolutions with batch norm, a mean over nodes.

    Args:
        network: a name of ``CONVS``.
        data: the data that embeddings are sized for.
        depth: number of convolutions.
        channels: their width. (default: 64)
        seed: seed of the weights. (default: 0)
    """

    def __init__(self, network: str, data: GraphDataset, depth: int, channels: int = CHANNELS, seed: int = 0):
        super().__init__()
        make, edges = CONVS[network]
        attr = data.graphs.edge_attr
        with scoped(seed, network):
            self.nodes = Encoder(data.graphs.x, channels)
            self.edges = nn.ModuleList(Encoder(attr, channels) for _ in range(depth) if edges and attr is not None)
            self.convs = nn.ModuleList(make(channels) for _ in range(depth))
            self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(depth))
            self.head = nn.Linear(channels, data.num_outputs)

    def forward(self, data: Data) -> Tensor:
        """Logits of all graphs."""
        x = self.nodes(data.x)
        for k, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            extra = (self.edges[k](data.edge_attr),) if len(self.edges) else ()
            x = norm(conv(x, data.edge_index, *extra)).relu()
        out: Tensor = self.head(global_mean_pool(x, data.batch))
        return out


class Encoder(nn.Module):
    """The sum of an embedding per column, as OGB's encoders, or a linear layer for floats."""

    def __init__(self, values: Tensor, channels: int):
        super().__init__()
        if values.is_floating_point():
            self.columns = nn.ModuleList([nn.Linear(values.shape[1], channels)])
        else:
            self.columns = nn.ModuleList(nn.Embedding(int(column.max()) + 1, channels) for column in values.T)

    def forward(self, x: Tensor) -> Tensor:
        """Encode ``[n, F]`` to ``[n, channels]``."""
        if x.is_floating_point():
            out: Tensor = self.columns[0](x)
            return out
        total: Tensor = sum(column(x[:, i].long()) for i, column in enumerate(self.columns))
        return total


def _mlp(channels: int) -> nn.Module:
    return nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels))


def _run(batch: LosslessBatch, model: nn.Module) -> None:
    _step(batch.run(model), model, batch.y)


def _step(logits: Tensor, model: nn.Module, y: Tensor) -> None:
    model.zero_grad(set_to_none=True)
    per_sample_loss(logits, y, "multiclass" if y.dim() == 1 else "multilabel").mean().backward()
    synchronize(y.device)


def _best(work: Callable[[], None], repeats: int, device: torch.device) -> float:
    """Least seconds of some runs: of the thread on a CPU, where neighbours would count otherwise."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    seconds = []
    for _ in range(repeats):
        start = clock()
        work()
        seconds.append(clock() - start)
    return min(seconds)


def _cells(seconds: list[float]) -> list[str]:
    return [f"{seconds[0]:.2f} s", *(f"{one:.2f} s, {seconds[0] / one:.1f}x" for one in seconds[1:])]
