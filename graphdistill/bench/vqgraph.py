"""Benchmark of VQGraph: accuracy of students and baselines, ablations, time and memory.

Every part prints its results and can run alone.
"""

from __future__ import annotations

import time
from dataclasses import replace

import rich.console
import torch
from rich.table import Table
from torch import Tensor

from graphdistill.bench.options import VQGraphBench as Bench
from graphdistill.bench.vqgraph_targets import compare_targets
from graphdistill.core.command.report import peak_memory, versions
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.nodes.inductive import Setting, inductive_split
from graphdistill.vqgraph.config import TokenizerConfig, VQGraphConfig
from graphdistill.vqgraph.distill import distill_vqgraph
from graphdistill.vqgraph.evaluate import (
    CHOSEN_ON_TEST,
    NAMES,
    Scores,
    TrainedTeacher,
    latency,
    logits_of,
    normalize_features,
    over_glnn,
    score_seed,
    train_teacher,
)
from graphdistill.vqgraph.paper import PUBLISHED, score_published
from graphdistill.vqgraph.tokenizer import Tokenizer, fit_tokenizer

DEFAULT = VQGraphConfig()
VARIANTS = {
    "without codes": replace(DEFAULT, code_weight=0.0),
    "without codes and choice: spread labels": replace(DEFAULT, code_weight=0.0, targets="spread"),
    "without codes and feature neighbours": replace(DEFAULT, code_weight=0.0, feature_neighbours=0),
    "codes alone (GLNN with a code head)": replace(DEFAULT, targets="spread", spread_steps=0, sharpen=1.0),
}
"""Ablations: the default config without some of its parts."""

console = rich.console.Console(width=120)


def main(bench: Bench) -> None:
    """Run the selected parts."""
    console.print({**versions(), "threads": torch.get_num_threads()})
    if "accuracy" in bench.parts:
        for setting in bench.settings:
            accuracy(bench, setting)
    if "targets" in bench.parts:
        compare_targets(bench)
    if "paper" in bench.parts:
        published(bench)
    for part, measure in (("cost", cost), ("latency", speed), ("large", large)):
        if part in bench.parts:
            measure(bench)


def accuracy(bench: Bench, setting: Setting) -> None:
    """All models and ablations on every data set, and the paired gain over GLNN on their average."""
    found: dict[str, dict[str, Scores]] = {}
    for name in bench.datasets:
        scores: dict[str, Scores] = {}
        for seed in range(bench.seeds):
            start = time.perf_counter()
            trained, _ = score_seed(
                _nodes(bench, name, seed), "GCN", setting, DEFAULT, scores, seed=seed, device=bench.torch_device
            )
            for variant, config in VARIANTS.items():
                _score_variant(trained, variant, config, scores, seed)
            console.print(f"{name}, {setting}, seed {seed}: {time.perf_counter() - start:.0f} s")
        _show(f"{name}, {setting}", scores)
        found[name] = scores
    if len(found) > 1:
        _show_average(f"average of {', '.join(found)}, {setting}", found)


def _score_variant(
    trained: TrainedTeacher, variant: str, config: VQGraphConfig, scores: dict[str, Scores], seed: int
) -> None:
    split = trained.split
    out = distill_vqgraph(
        trained.teacher, split.data, config, layer=trained.layer, generator=torch.Generator().manual_seed(seed)
    )
    seen, unseen = (logits_of(out.student, x) for x in (split.data.x, split.whole.x[split.unseen]))
    scores.setdefault(variant, Scores()).add(split, seen, unseen, out.valid, out.seconds)


def published(bench: Bench) -> None:
    """The published protocol and ours."""
    for name in bench.datasets:
        scores: dict[str, Scores] = {}
        for seed in range(bench.seeds):
            trained, _ = score_seed(
                _nodes(bench, name, seed),
                "GCN",
                "transductive",
                DEFAULT,
                scores,
                seed=seed,
                methods=("teacher", "vqgraph", "glnn"),
                device=bench.torch_device,
            )
            score_published(trained, DEFAULT, "GCN", scores, seed)
        _show(f"{name}, the published protocol; the paper reports {PUBLISHED.get(name, 'nothing')}", scores)


def cost(bench: Bench) -> None:
    """Seconds of an epoch of the tokenizer at width 128, and the process's peak memory."""
    trained = _trained_teacher(bench)
    data = trained.split.data
    with scoped(0, "cost"):
        tokenizer = Tokenizer(trained.hidden.shape[1], data.x.shape[1], 256).to(bench.torch_device)
    start = time.process_time()
    code = fit_tokenizer(tokenizer, trained.hidden, data.x, data.edge_index, TokenizerConfig(epochs=20))
    seconds = (time.process_time() - start) / 20
    health = tokenizer.codebook.health(code)
    console.print(
        f"tokenizer on {data.name}: {seconds:.3f} CPU s per epoch (start and settling of the codes included), "
        f"{health.live} of {health.codes} codes live, perplexity {health.perplexity:.0f}; "
        f"peak memory of the process {peak_memory() / 1e9:.2f} GB"
    )


def speed(bench: Bench) -> None:
    """Milliseconds per prediction for one node."""
    trained = _trained_teacher(bench)
    out = distill_vqgraph(trained.teacher, trained.split.data, replace(DEFAULT, epochs=1, code_weight=0.0))
    times = latency(trained, out.student)
    for name in ("student", "student, full batch"):
        console.print(
            f"{name}: {times[name]:.4f} ms a node; teacher with its neighbourhood by PyG's k_hop_subgraph "
            f"{times['teacher, PyG']:.3f} ms: {times['teacher, PyG'] / times[name]:.0f}x; by our sampler "
            f"{times['teacher']:.3f} ms: {times['teacher'] / times[name]:.0f}x"
        )


def large(bench: Bench) -> None:
    """One epoch of the tokenizer, whole and in batches, on a random graph too large for a matrix of its nodes."""
    draws = generator(0, "large")
    edges = torch.randint(bench.nodes, (2, 5 * bench.nodes // 2), generator=draws)
    edges = torch.cat([edges, edges.flip(0)], dim=1)
    hidden, x = (torch.randn(bench.nodes, width, generator=draws) for width in (128, 64))
    for size in (None, 65_536):
        with scoped(0, "large"):
            tokenizer = Tokenizer(128, 64, 1024).to(bench.torch_device)
        start = time.perf_counter()
        code = fit_tokenizer(tokenizer, hidden, x, edges, TokenizerConfig(epochs=1, batch_size=size))
        health = tokenizer.codebook.health(code)
        how = "whole" if size is None else f"batches of {size:,}"
        console.print(
            f"{bench.nodes:,} nodes, {edges.shape[1]:,} directed edges, {how}: an epoch with start and settling "
            f"of 1,024 codes takes {time.perf_counter() - start:.0f} s, {health.live} codes live; "
            f"peak memory of the process {peak_memory() / 1e9:.1f} GB"
        )


def _nodes(bench: Bench, name: str, seed: int) -> NodeDataset:
    data = load(name, bench.root, seed=seed)
    if not isinstance(data, NodeDataset):
        raise ValueError(f"datasets must hold the nodes of one graph, got {name}")
    return data


def _trained_teacher(bench: Bench) -> TrainedTeacher:
    data = normalize_features(_nodes(bench, bench.datasets[0], 0))
    split = inductive_split(data, "transductive", generator=generator(0))
    return train_teacher(split, "GCN", DEFAULT, seed=0, device=bench.torch_device)


def _show(title: str, scores: dict[str, Scores]) -> None:
    """Mean and standard deviation of every model, and its gain over GLNN in the last column."""
    columns = list(scores["teacher"].test)
    table = Table("", *columns, "validation", "over GLNN", title=title, title_justify="left")
    for method, here in scores.items():
        table.add_row(
            NAMES.get(method, method).format("GCN"),
            *[_percent(here.test[column]) for column in columns],
            "" if method in ("untrained", *CHOSEN_ON_TEST) else _percent(here.valid),
            over_glnn(scores, method),
        )
    console.print(table)


def _show_average(title: str, found: dict[str, dict[str, Scores]]) -> None:
    """The same on the average over data sets, seed by seed."""
    first = next(iter(found.values()))
    merged = {method: Scores() for method in first}
    for method, here in merged.items():
        parts = [scores[method] for scores in found.values()]
        for column in parts[0].test:
            here.test[column] = _mean([part.test[column] for part in parts])
        here.valid = _mean([part.valid for part in parts])
    _show(title, merged)


def _mean(values: list[list[float]]) -> list[float]:
    out: list[float] = torch.tensor(values, dtype=torch.double).mean(dim=0).tolist()
    return out


def _percent(values: list[float]) -> str:
    numbers: Tensor = 100 * torch.tensor(values, dtype=torch.double)
    return f"{numbers.mean():.2f}" + (f" ± {numbers.std():.2f}" if len(values) > 1 else "")
