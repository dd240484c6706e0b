"""Measure federated learning: methods at their best step sizes, what attacks tell, and what many clients cost.

Every part prints as it goes and can run alone, with some methods and on some data only.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import rich.console
import torch
import torch.nn.functional as F
from rich.table import Table

from fed.client import store as memory
from fed.client import virtual_data as virtual
from fed.client.round import Turn
from fed.client_app import app as client
from fed.config import FedConfig
from fed.data.client_data import network
from fed.data.images import parts
from fed.methods import fedlgd
from fed.runtime.in_process import run_in_process
from fed.server_app import app as server
from graphdistill.bench.options import FedBench as Bench
from graphdistill.core.command.report import peak_memory, versions
from graphdistill.core.evaluation.membership import membership_auc
from graphdistill.core.training.fit import predict

Outcome = dict[str, Any]
CROWDS = (10, 100)
"""Clients of the last part."""

console = rich.console.Console(width=140)


def main(bench: Bench) -> None:
    """Run the parts that were asked for."""
    console.print({**versions(), "threads": torch.get_num_threads()})
    logging.getLogger("flwr").setLevel(logging.ERROR)
    # Somebody listens, so that the server's lines go nowhere else.
    logging.getLogger("fed").addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory() as home, mock.patch.dict(os.environ, {memory.HOME: home}):
        for name in bench.datasets:
            chosen: dict[str, float] = {}
            if "methods" in bench.parts:
                methods(bench, name, chosen)
            if "rows" in bench.parts:
                ablations(bench, name, chosen)
            if "privacy" in bench.parts:
                privacy(bench, name, chosen)
        if "molecules" in bench.parts:
            for name in bench.molecules:
                molecules(bench, name)
    if "clients" in bench.parts:
        many(bench)
    console.print(f"peak memory {peak_memory() / 1e9:.2f} GB")


def run(config: FedConfig) -> Outcome:
    """A federation in this process: what the server tells in the end, and the model."""
    state = run_in_process(server, client, config.run_config(), config.clients)
    outcome: Outcome = json.loads(str(state.config_records["outcome"]["json"]))
    return {**outcome, "model": state.array_records["model"].to_torch_state_dict()}


def test_of(outcome: Outcome) -> float:
    """Mean over clients of the test accuracy of the model that validation chose."""
    return statistics.fmean(outcome["test"].values())


def best_rate(bench: Bench, name: str, method: str, **more: Any) -> tuple[float, Outcome]:
    """The step size that validation likes best with the first seed, and what came of it."""
    tried = {rate: run(bench.config(name, method, rate=rate, **more)) for rate in bench.rates}
    rate = max(tried, key=lambda rate: tried[rate]["valid"])
    if len(tried) > 1:
        found = ", ".join(f"{rate:g}: {outcome['valid']:.3f}" for rate, outcome in tried.items())
        console.print(f"{name}, {method}: validation by step size {found}", highlight=False)
    return rate, tried[rate]


def methods(bench: Bench, name: str, chosen: dict[str, float]) -> None:
    """Every method with all seeds at its best step size."""
    rows = []
    for method in bench.methods:
        chosen[method], first = best_rate(bench, name, method)
        more = [run(bench.config(name, method, rate=chosen[method], seed=seed)) for seed in range(1, bench.seeds)]
        rows.append((method, chosen[method], [first, *more]))
        console.print(_line(name, *rows[-1]), highlight=False)
    sizes = f"{bench.clients} clients, {bench.rounds} rounds, {bench.per_class} images a class, side {bench.side}"
    _show(f"{name}: {sizes}", rows)


def ablations(bench: Bench, name: str, chosen: dict[str, float]) -> None:
    """FedLGD without what makes it, and virtual data at half the steps."""
    rows = []
    for title, method, changes in (
        ("virtual data once a round", "fedavg-virtual", [(Turn, "budget", property(lambda turn: turn.once))]),
        ("fedlgd, noise for global images", "fedlgd", [(virtual, "match_gradient", lambda net, wanted, held: held)]),
        ("fedlgd, no contrast", "fedlgd", [(fedlgd, "CONTRAST", 0.0)]),
    ):
        with contextlib.ExitStack() as stack:
            for owner, what, value in changes:
                stack.enter_context(mock.patch.object(owner, what, value))
            rate = chosen[method] if method in chosen else best_rate(bench, name, method)[0]
            outcomes = [run(bench.config(name, method, rate=rate, seed=seed)) for seed in range(bench.seeds)]
        rows.append((title, rate, outcomes))
        console.print(_line(name, *rows[-1]), highlight=False)
    _show(f"{name}: what FedLGD is made of", rows)


def privacy(bench: Bench, name: str, chosen: dict[str, float]) -> None:
    """Whether a low loss tells what the model was trained on, and what noise costs."""
    table = _table(f"{name}: membership inference by a threshold on the loss", "method", "noise", "epsilon")
    table.add_column("test", justify="right")
    table.add_column("AUC of the attack (0.5 is chance) by client", justify="right")
    rows: list[tuple[str, float]] = [("fedavg", 0), ("fedavg-virtual", 0), ("fedlgd", 0)]
    for method, noise in [*rows, *((method, noise) for noise in (0.03, 1.0) for method in ("fedavg", "fedlgd"))]:
        if method not in chosen:
            chosen[method] = best_rate(bench, name, method)[0]
        rate = chosen[method]
        config = bench.config(name, method, rate=rate, dp_noise=noise, dp_clip=0.5 if noise else 0.0)
        outcome = run(config)
        attacks = [f"{auc:.3f} ± {error:.3f}" for auc, error in _attacks(config, outcome)]
        spent = outcome["privacy"]
        cells = (
            method,
            f"{noise:g}",
            f"{spent['epsilon']:.3g}" if spent else "none",
            f"{test_of(outcome):.3f}",
            ", ".join(attacks),
        )
        table.add_row(*cells)
        console.print(f"{name}, {', '.join(cells)}", highlight=False)
    console.print(table)


def _attacks(config: FedConfig, outcome: Outcome) -> Iterator[tuple[float, float]]:
    """For each client: its training images against its test images."""
    for part in parts(config):
        net = network(part.facts, 0)
        net.load_state_dict(outcome["model"])
        losses = [F.cross_entropy(predict(net, x), y, reduction="none") for x, y in (part.train, part.test)]
        yield membership_auc(*losses)


def molecules(bench: Bench, name: str) -> None:
    """Real molecules, virtual ones that each client mines, and those that all mine together without showing any."""
    table = _table(f"{name}: four clients by scaffold, ROC-AUC, mean of clients", "method", "support", "step size")
    for column in ("validation", "test", "by seed", "seconds", "mined: kB up a client", "raw kB a client"):
        table.add_column(column, justify="right")
    one, *more = bench.supports
    for method, support in (
        ("fedavg", one),
        ("fedavg-virtual", one),
        ("fedmirage-fedavg", one),
        ("fedmirage", one),
        *(("fedmirage", support) for support in more),
    ):
        tried = {rate: run(_molecular(bench, name, method, support, rate, 0)) for rate in (0.01, 0.03)}
        rate = max(tried, key=lambda rate: tried[rate]["valid"])
        further = [run(_molecular(bench, name, method, support, rate, seed)) for seed in range(1, bench.seeds)]
        found = [tried[rate], *further]
        tests, mined = [test_of(outcome) for outcome in found], found[0]["federated mirage"]
        cells = [
            method,
            "" if method == "fedavg" else f"{support:g}",
            f"{rate:g}",
            f"{statistics.fmean(outcome['valid'] for outcome in found):.3f}",
            _mean(tests),
            " ".join(f"{value:.3f}" for value in tests),
            f"{statistics.fmean(outcome['seconds by phase']['all'] for outcome in found):.0f}",
            *[f"{statistics.fmean(mined[key]) / 1e3:.0f}" if mined else "" for key in ("bytes_up", "raw_bytes")],
        ]
        table.add_row(*cells)
        console.print(f"{name}, {cells}", highlight=False)
    for title, scores in found[0]["baselines"].items():
        table.add_row(title, "", "", "", f"{statistics.fmean(scores.values()):.3f}", *[""] * 4)
    console.print(table)


def _molecular(bench: Bench, name: str, method: str, support: float, rate: float, seed: int) -> FedConfig:
    return FedConfig(
        dataset=name,
        root=bench.root,
        partition="scaffold",
        clients=4,
        rounds=8,
        method=method,
        rate=rate,
        seed=seed,
        support=support,
        per_class=1000,
    )


def many(bench: Bench) -> None:
    """What rounds and clients cost that is not training: seconds of a round of ten, memory of a hundred."""
    table = _table("in process, scikit-learn's digits split at random, one virtual image a class", "clients")
    for column in ("seconds a round", "of these training and judging", "peak memory"):
        table.add_column(column, justify="right")
    for clients in CROWDS:
        config = FedConfig(
            dataset="digits", partition="iid", clients=clients, method="fedavg-subset", per_class=1, rounds=5
        )
        start = time.perf_counter()
        outcome = run(config)
        seconds = statistics.fmean(line["seconds"] for line in outcome["history"])
        inside = outcome["seconds by phase"]["local training"] / config.rounds
        cells = str(clients), f"{seconds:.3f}", f"{inside:.3f}", f"{peak_memory() / 1e9:.2f} GB"
        table.add_row(*cells)
        console.print(f"{clients} clients, {time.perf_counter() - start:.1f} s: {cells}", highlight=False)
    console.print(table)


def _seconds(outcomes: list[Outcome]) -> float:
    """Seconds of a round, but for the first, in which clients make their first virtual data."""
    return statistics.fmean(line["seconds"] for outcome in outcomes for line in outcome["history"][1:])


def _line(name: str, title: str, rate: float, outcomes: list[Outcome]) -> str:
    tests = [test_of(outcome) for outcome in outcomes]
    valid = statistics.fmean(outcome["valid"] for outcome in outcomes)
    by_client = [statistics.fmean(values) for values in zip(*[o["test"].values() for o in outcomes], strict=True)]
    clients = " ".join(f"{value:.3f}" for value in by_client)
    return (
        f"{name}, {title}: step {rate:g}, validation {valid:.3f}, "
        f"test {_mean(tests)} (clients {clients}), "
        f"{_seconds(outcomes):.2f} s a round"
    )


def _show(title: str, rows: list[tuple[str, float, list[Outcome]]]) -> None:
    table = _table(title, "method", "step size")
    for column in ("validation", "test", "by seed", "s a round", "first virtual s", "MB up", "MB down"):
        table.add_column(column, justify="right")
    for name, rate, outcomes in rows:
        tests = [test_of(outcome) for outcome in outcomes]
        made = [outcome["history"][0]["seconds"] for outcome in outcomes]
        table.add_row(
            name,
            f"{rate:g}",
            f"{statistics.fmean(outcome['valid'] for outcome in outcomes):.3f}",
            _mean(tests),
            " ".join(f"{value:.3f}" for value in tests),
            f"{_seconds(outcomes):.2f}",
            f"{statistics.fmean(made):.1f}",
            *[f"{statistics.fmean(o[key] for o in outcomes) / 1e6:.1f}" for key in ("bytes up", "bytes down")],
        )
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table


def _mean(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"
