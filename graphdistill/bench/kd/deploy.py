"""Students on tree counts answer for a molecule without a graph network: their AUC and speed, against their teacher.

GIN is distilled into a linear layer and an MLP on counts of computation trees. Speed is from PyG's tensors to logits on
one thread, tree hashing included, or from SMILES. The teacher runs on every node, by ``index_add`` as PyG does, or on
the distinct trees of the batch: whichever is faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from rich.table import Table
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import one_hot

from graphdistill.bench.kd._tables import Scores, console, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.molecules.featurise import featurise
from graphdistill.core.networks.tree_counts import TreeCountNet
from graphdistill.core.networks.tree_gnn import GNN, SUM_SCALE
from graphdistill.core.networks.tree_scorer import TreeScorer
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import scoped
from graphdistill.core.sets.synthetic import class_weights
from graphdistill.core.training.fit import FitConfig, fit, predict
from graphdistill.core.training.metrics import score
from graphdistill.core.trees.build import build_forest
from graphdistill.datasets import load_graphs

DATASETS = ("pains", "ogbg-molhiv")
LAYERS, DEPTH = 2, 2
"""Layers of the teacher, those of Mirage's evaluation, and depth of the trees that students count."""
LABEL_SHARES = (0.5, 0.75)
"""Shares of the labels in the targets of distilled students; the rest is the teacher's. Validation chooses."""
STUDENTS = ("linear", "MLP")
HIDDEN, DECAY = 64, 0.1
"""Width and weight decay of the MLP."""
BATCH, REPEATS, SINGLES = 512, 30, 1000
"""Molecules of a batch, runs of which the fastest counts, and calls on one molecule."""


def measure(bench: Bench) -> None:
    """Test scores of teacher and students, and the speed of those of the first seed."""
    for name in DATASETS:
        data = load_graphs(name, bench.root)
        show(f"{name}, test metric in %", run_seeds(bench, _seed, (bench, data), name), "teacher")
        networks = _networks(bench, data, bench.first_seed)
        _speed(data, {role: networks[role] for role in ("teacher", *STUDENTS)})


def _seed(context: tuple[Bench, GraphDataset], seed: int) -> Scores:
    graphs, y = context[1].split("test")
    forest = build_forest(graphs, DEPTH)
    found: dict[str, dict[str, float]] = {}
    for role, network in _networks(*context, seed).items():
        logits = predict(network, forest.cut(LAYERS) if role == "teacher" else forest)
        found[role] = {context[1].metric: 100 * score(logits, y, context[1].metric)}
    return found


def _networks(bench: Bench, data: GraphDataset, seed: int) -> dict[str, Any]:
    """A GIN teacher, and each student on labels, on the teacher's probabilities and on both."""
    config = FitConfig() if bench.steps is None else FitConfig(steps=bench.steps)
    forest, valid = (build_forest(data.split(part)[0], DEPTH) for part in ("train", "valid"))
    y, truth = data.y[data.train], data.y[data.valid]
    weight = class_weights(y) * len(y) / data.num_outputs
    words: dict[str, Any] = {"metric": data.metric, "task": data.task, "weight": weight, "seed": seed}
    with scoped(seed, "teacher"):
        teacher = GNN("GIN", data.graphs, data.features, data.num_outputs, num_layers=LAYERS)
    fit(teacher, forest.cut(LAYERS), y, valid=(valid.cut(LAYERS), truth), config=config, **words)
    networks: dict[str, Any] = {"teacher": teacher.eval()}
    own, soft = one_hot(y, data.num_outputs).float(), predict(teacher, forest.cut(LAYERS)).softmax(dim=1)
    for student in STUDENTS:
        for suffix, shares in ((", labels", (1.0,)), (", teacher", (0.0,)), ("", LABEL_SHARES)):
            found = []
            for share in shares:
                target = share * own + (1 - share) * soft
                with scoped(seed, "student"):
                    width = HIDDEN if student == "MLP" else 0
                    net = TreeCountNet.from_forest(forest, data.num_outputs, depth=DEPTH, hidden_channels=width)
                if student == "MLP":
                    fit(net, forest, target, valid=(valid, truth), config=replace(config, weight_decay=DECAY), **words)
                else:
                    net.fit_linear(forest, target, weight)
                found.append((score(predict(net, valid), truth, data.metric), net))
            networks[student + suffix] = max(found, key=lambda pair: pair[0])[1]
    return networks


@one_thread()
@torch.no_grad()
def _speed(data: GraphDataset, networks: dict[str, GNN | TreeCountNet]) -> None:
    """Print molecules per second in batches, milliseconds of one molecule, and bytes of the stored network."""
    index = data.test[:BATCH]
    assert data.smiles is not None
    graphs, smiles = data.graphs.subset(index), [data.smiles[int(i)] for i in index]
    title = f"{data.name}, one thread: batches of {len(index)}, calls on one molecule, stored network"
    shown = Table(title=title, title_justify="left")
    shown.add_column("")
    for head in ("graphs/s", "x teacher", "SMILES/s", "x teacher"):
        shown.add_column(head, justify="right")
    for head in ("p50", "p99", "SMILES p50", "SMILES p99"):
        shown.add_column(f"{head} in ms", justify="right")
    shown.add_column("kB", justify="right")
    teacher = np.ones(2)
    for role, network in networks.items():
        rates, latencies = _measured(network, graphs, smiles)
        teacher = rates if role == "teacher" else teacher
        pairs = zip(rates, teacher, strict=True)
        speeds = [text for rate, own in pairs for text in (f"{rate:,.0f}", f"{rate / own:.1f}")]
        nbytes = len(save(network.state_dict()))
        shown.add_row(role, *speeds, *(f"{1000 * seconds:.3f}" for seconds in latencies), f"{nbytes / 1000:.0f}")
    console.print(shown)


def _measured(network: GNN | TreeCountNet, graphs: Graphs, smiles: Sequence[str]) -> tuple[Any, list[float]]:
    """Molecules per second from tensors and from SMILES; seconds of one molecule, p50 and p99 of each."""
    from_tensors: list[Callable[[Graphs], Tensor]]
    if isinstance(network, TreeCountNet):
        scorer = TreeScorer(network)
        from_tensors = [lambda g: scorer(g.x, g.edge_index, g.node_ptr, g.edge_attr)]
        from_smiles: list[Callable[[Sequence[str]], Tensor]] = [scorer.smiles]
    else:
        gnn = network
        from_tensors = [lambda g: on_nodes(gnn, g), lambda g: gnn(build_forest(g, LAYERS))]
        from_smiles = [lambda s, way=way: way(featurise(s).graphs) for way in from_tensors]  # type: ignore[misc]
    singles = [graphs.subset(torch.tensor([i])) for i in range(len(graphs))]
    rates, latencies = [], []
    for ways, batch, ones in ((from_tensors, graphs, singles), (from_smiles, smiles, [[one] for one in smiles])):
        rates.append(len(smiles) / min(seconds for way in ways for seconds in _seconds(way, [batch] * REPEATS)))
        found = [_seconds(way, [ones[i % len(ones)] for i in range(SINGLES)]) for way in ways]
        fastest = min(found, key=np.median)
        latencies += [float(np.percentile(fastest, share)) for share in (50, 99)]
    return np.array(rates), latencies


def _seconds(way: Callable[[Any], object], inputs: Sequence[Any]) -> list[float]:
    """Seconds of the thread in each call after a first one; those of other processes do not count."""
    way(inputs[0])
    seconds = []
    for one in inputs:
        start = time.thread_time()
        way(one)
        seconds.append(time.thread_time() - start)
    return seconds


def on_nodes(network: GNN, graphs: Graphs) -> Tensor:
    """Logits of a GIN computed on every node, as PyG's layers do it.

    Args:
        network: the network, in evaluation mode.
        graphs: the graphs.
    """
    convs: Any = network.convs
    source, target = graphs.edge_index
    owner, sizes = graphs.graph_of_node, graphs.node_ptr.diff()[:, None]
    layers = [network.encoder(graphs.x)]
    for conv, norm in zip(convs, network.norms, strict=True):
        h = layers[-1]
        message = h[source]
        if graphs.edge_attr is not None:
            message = (message + conv.edge_encoder(graphs.edge_attr)).relu_()
        total = torch.zeros_like(h).index_add_(0, target, message)
        layers.append(norm(conv.mlp((1 + conv.eps) * h + total)).relu_())
    pooled = []
    for h in layers:
        total = h.new_zeros(len(graphs), h.shape[1]).index_add_(0, owner, h)
        pooled += [total / sizes, total / SUM_SCALE]
    out: Tensor = network.head(network.hidden_norm(network.hidden(torch.cat(pooled, dim=1))).relu_())
    return out
