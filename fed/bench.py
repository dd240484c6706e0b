"""Measure federated learning: methods at their best learning rates, membership inference, and the cost of many clients.

Every part prints its results as they come and can run alone, with some methods and on some data only.
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

import numpy as np
import rich.console
import torch
import torch.nn.functional as F
from rich.table import Table
from sklearn.linear_model import LogisticRegression

from fed.client.store import HOME
from fed.client_app import app as client
from fed.config import FedConfig
from fed.data.client_data import UNKNOWN, network
from fed.data.images import parts
from fed.data.molecules import Molecules
from fed.methods import fedlgd, fedmirage
from fed.runtime.in_process import run_in_process
from fed.server_app import app as server
from fed.trees.client import TreesClient
from fed.trees.driver import STRENGTHS
from graphdistill.bench.options import FedBench as Bench
from graphdistill.core.command.report import mean_and_deviation, peak_memory, versions
from graphdistill.core.evaluation.membership import membership_auc
from graphdistill.core.methods import MethodConfig
from graphdistill.core.training.fit import predict

Outcome = dict[str, Any]
CROWDS = (10, 100)
"""Clients of the last part."""

console = rich.console.Console(width=140)


def main(bench: Bench) -> None:
    """Run the parts that the options name."""
    console.print({**versions(), "threads": torch.get_num_threads()})
    logging.getLogger("flwr").setLevel(logging.ERROR)
    # A handler of its own keeps the server from writing its lines to stderr.
    logging.getLogger("fed").addHandler(logging.NullHandler())
    with _clients_folder():
        for name in bench.datasets:
            chosen: dict[str, float] = {}
            if "methods" in bench.parts:
                methods(bench, name, chosen)
            if "ablations" in bench.parts:
                ablations(bench, name, chosen)
            if "privacy" in bench.parts:
                privacy(bench, name, chosen)
        if "molecules" in bench.parts:
            for name in bench.molecules:
                molecules(bench, name)
        if "trees" in bench.parts:
            for name in bench.molecules:
                trees(bench, name)
        if "clients" in bench.parts:
            many(bench)
    console.print(f"peak memory {peak_memory() / 1e9:.2f} GB")


@contextlib.contextmanager
def _clients_folder() -> Iterator[None]:
    """Keep clients' files in a temporary folder."""
    before = os.environ.get(HOME)
    with tempfile.TemporaryDirectory() as home:
        os.environ[HOME] = home
        try:
            yield
        finally:
            del os.environ[HOME]
            if before is not None:
                os.environ[HOME] = before


def run(config: FedConfig) -> Outcome:
    """A federation in this process: the outcome at the server, the model, and the server's virtual images."""
    state = run_in_process(server, client, config.run_config(), config.clients)
    outcome: Outcome = json.loads(str(state.config_records["outcome"]["json"]))
    tensors = {name: state.array_records[name].to_torch_state_dict() for name in ("model", "broadcast")}
    return {**outcome, **tensors}


def test_of(outcome: Outcome) -> float:
    """Mean over clients of the test accuracy of the model that validation chose."""
    return statistics.fmean(outcome["test"].values())


def best_lr(bench: Bench, name: str, method: str, **more: Any) -> tuple[float, Outcome]:
    """The learning rate that is best on validation with the first seed, and its outcome."""
    configs = {lr: bench.config(name, method, lr=lr, **more) for lr in bench.lrs}
    tried = {lr: run(config) for lr, config in configs.items()}
    lr = max(tried, key=lambda lr: tried[lr]["valid"])
    if len(tried) > 1:
        found = ", ".join(f"{lr:g}: {outcome['valid']:.3f}" for lr, outcome in tried.items())
        console.print(f"{name}, {configs[lr].label}: validation by learning rate {found}", highlight=False)
    return lr, tried[lr]


def methods(bench: Bench, name: str, chosen: dict[str, float]) -> None:
    """Every method with all seeds at its best learning rate."""
    rows = []
    virtual = [(method, "virtual") for method in bench.methods]
    for method, data in [*(("fedavg", data) for data in bench.references), *virtual]:
        label = bench.config(name, method, train_on=data).label
        chosen[label], first = best_lr(bench, name, method, train_on=data)
        options = {"train_on": data, "lr": chosen[label]}
        more = [run(bench.config(name, method, seed=seed, **options)) for seed in range(1, bench.seeds)]
        rows.append((label, chosen[label], [first, *more]))
        console.print(_line(name, *rows[-1]), highlight=False)
    sizes = (
        f"{bench.clients} clients, {bench.rounds} rounds, {bench.per_class} images a class of {bench.image_size} pixels"
    )
    _show(f"{name}: {sizes}", rows)


def ablations(bench: Bench, name: str, chosen: dict[str, float]) -> None:
    """FedLGD without each of its parts, and virtual data at half the steps."""
    rows = []
    once: dict[str, Any] = {"method": "fedavg", "train_on": "virtual", "passes": 1}
    for title, whole, options in (
        ("virtual data once a round", "fedavg, virtual", once),
        ("fedlgd, noise for global images", "fedlgd", {"method": fedlgd.Config(match_steps=0)}),
        ("fedlgd, no contrast", "fedlgd", {"method": fedlgd.Config(contrast=0.0)}),
    ):
        lr = chosen[whole] if whole in chosen else best_lr(bench, name, **options)[0]
        outcomes = [run(bench.config(name, **options, lr=lr, seed=seed)) for seed in range(bench.seeds)]
        rows.append((title, lr, outcomes))
        console.print(_line(name, *rows[-1]), highlight=False)
    _show(f"{name}: what FedLGD is made of", rows)


def privacy(bench: Bench, name: str, chosen: dict[str, float]) -> None:
    """Whether a low loss reveals what the model was trained on, and what noise costs."""
    table = _table(f"{name}: membership inference by a threshold on the loss", "method", "noise", "epsilon")
    table.add_column("test", justify="right")
    table.add_column("AUC of the attack (0.5 is chance) by client", justify="right")
    first = (("fedavg", "real"), ("fedavg", "virtual"), ("fedavg", "generated"), ("fedlgd", "virtual"))
    rows: list[tuple[str, str, float]] = [(*row, 0) for row in first]
    rows += [(*row, noise) for noise in (0.03, 1.0) for row in (("fedavg", "real"), ("fedlgd", "virtual"))]
    for method, data, noise in rows:
        label = bench.config(name, method, train_on=data).label
        if label not in chosen:
            chosen[label] = best_lr(bench, name, method, train_on=data)[0]
        options = {"train_on": data, "lr": chosen[label], "dp_noise": noise, "dp_clip": 0.5 if noise else 0.0}
        config = bench.config(name, method, **options)
        outcome = run(config)
        spent = outcome["privacy"]
        epsilon, score = f"{spent['epsilon']:.3g}" if spent else "none", f"{test_of(outcome):.3f}"
        lines = [(label, f"{noise:g}", epsilon, score, _aucs(_attacks(config, outcome)))]
        if data == "generated":
            lines.append(("its drawn images", "", "", "", _aucs(_attacks_on_images(config, outcome))))
        for cells in lines:
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


def _attacks_on_images(config: FedConfig, outcome: Outcome) -> Iterator[tuple[float, float]]:
    """The same by the distance of an image to the nearest of the server's virtual images."""
    drawn = outcome["broadcast"]["x"].flatten(1)
    for part in parts(config):
        near = [torch.cdist(x.flatten(1), drawn).amin(dim=1) for x, _ in (part.train, part.test)]
        yield membership_auc(*near)


def _aucs(attacks: Iterator[tuple[float, float]]) -> str:
    return ", ".join(f"{auc:.3f} ± {error:.3f}" for auc, error in attacks)


def molecules(bench: Bench, name: str) -> None:
    """Real molecules, virtual ones that each client mines, and those that are mined over all clients from counts."""
    table = _table(f"{name}: four clients by scaffold, ROC-AUC, mean of clients", "method", "support", "lr")
    for column in ("validation", "test", "by seed", "seconds", "mined: kB up a client", "training kB a client"):
        table.add_column(column, justify="right")
    one, *more = bench.supports
    rows: list[tuple[str | MethodConfig, str, float]] = [
        ("fedavg", "real", one),
        ("fedavg", "virtual", one),
        (fedmirage.Config(trainer="clients"), "virtual", one),
        *(("fedmirage", "virtual", support) for support in (one, *more)),
    ]
    for method, data, support in rows:
        options: dict[str, Any] = {"method": method, "train_on": data, "support": support, "rounds": 8}
        tried = {lr: run(_molecular(bench, name, lr=lr, **options)) for lr in (0.01, 0.03)}
        lr = max(tried, key=lambda lr: tried[lr]["valid"])
        further = [run(_molecular(bench, name, lr=lr, seed=seed, **options)) for seed in range(1, bench.seeds)]
        found = [tried[lr], *further]
        tests, mined = [test_of(outcome) for outcome in found], found[0]["federated mirage"]
        cells = [
            _molecular(bench, name, **options).label,
            "" if data == "real" else f"{support:g}",
            f"{lr:g}",
            f"{statistics.fmean(outcome['valid'] for outcome in found):.3f}",
            mean_and_deviation(tests),
            " ".join(f"{value:.3f}" for value in tests),
            f"{statistics.fmean(outcome['seconds by phase']['all'] for outcome in found):.0f}",
            *[f"{statistics.fmean(mined[key]) / 1e3:.0f}" if mined else "" for key in ("bytes_up", "training_bytes")],
        ]
        table.add_row(*cells)
        console.print(f"{name}, {cells}", highlight=False)
    for title, scores in found[0]["baselines"].items():
        table.add_row(title, "", "", "", f"{statistics.fmean(scores.values()):.3f}", *[""] * 4)
    console.print(table)


def trees(bench: Bench, name: str) -> None:
    """The regression on counts of trees of all clients, next to one of each client alone and to the number of nodes."""
    table = _table(f"{name}: four clients by scaffold, ROC-AUC, mean of clients", "method")
    for column in ("validation", "test", "by seed", "C", "trees", "rounds", "kB up, down a client", "training kB", "s"):
        table.add_column(column, justify="right")
    found, alone, training = [], [], []
    for seed in range(bench.seeds):
        config = _molecular(bench, name, method="fedtrees", seed=seed)
        outcome = run(config)
        held = [part for part in parts(config) if isinstance(part, Molecules)]
        found.append(outcome)
        training.append(statistics.fmean(part.training_bytes for part in held))
        scores = [score for part in held if (score := fit_alone(part)) != UNKNOWN]
        alone.append(statistics.fmean(scores))
        line = f"{outcome['trees']}, test {test_of(outcome):.4f}, alone {alone[-1]:.4f}"
        console.print(f"{name}, seed {seed}: {line}", highlight=False)
    tests = [test_of(outcome) for outcome in found]
    clients = len(found[0]["names"])
    ways = (statistics.fmean(o[way] for o in found) / clients / 1e3 for way in ("bytes up", "bytes down"))
    table.add_row(
        "fedtrees",
        f"{statistics.fmean(outcome['valid'] for outcome in found):.3f}",
        mean_and_deviation(tests),
        " ".join(f"{value:.3f}" for value in tests),
        " ".join(f"{outcome['trees']['strength']:g}" for outcome in found),
        *[f"{statistics.fmean(o['trees'][key] for o in found):.0f}" for key in ("vocabulary", "rounds")],
        ", ".join(f"{value:,.0f}" for value in ways),
        f"{statistics.fmean(training) / 1e3:.0f}",
        f"{statistics.fmean(outcome['seconds by phase']['all'] for outcome in found):.0f}",
    )
    table.add_row(
        "each client alone", "", mean_and_deviation(alone), " ".join(f"{value:.3f}" for value in alone), *[""] * 6
    )
    for title in found[0]["baselines"]:
        values = [statistics.fmean(outcome["baselines"][title].values()) for outcome in found]
        table.add_row(title, "", mean_and_deviation(values), *[""] * 7)
    console.print(table)


def fit_alone(part: Molecules) -> float:
    """Test score of a client's own regression on all its trees, whose strength is best on its own validation."""
    client, y = TreesClient(part, b""), part.train[1].numpy()
    ids = client.ids
    x, best, test = client.features("train", ids), -2.0, UNKNOWN
    for strength in STRENGTHS if 0 < y.sum() < len(y) else ():
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000).fit(x, y)
        weights = np.append(model.coef_[0], model.intercept_)
        valid = client.score("valid", ids, weights)
        if valid > best:
            best, test = valid, client.score("test", ids, weights)
    return test


def _molecular(bench: Bench, name: str, **options: Any) -> FedConfig:
    given = {"root": str(bench.root or ""), "device": bench.device, "partition": "scaffold", "clients": 4}
    return FedConfig(**{**given, "dataset": name, "per_class": 1000, **options})


def many(bench: Bench) -> None:
    """What rounds and clients cost besides training: seconds of a round of ten, memory of a hundred."""
    table = _table("in process, scikit-learn's digits split at random, one virtual image a class", "clients")
    for column in ("seconds a round", "of these training and evaluation", "peak memory"):
        table.add_column(column, justify="right")
    for clients in CROWDS:
        config = FedConfig(
            dataset="digits",
            partition="iid",
            clients=clients,
            method="fedavg",
            train_on="subset",
            per_class=1,
            rounds=5,
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


def _line(name: str, title: str, lr: float, outcomes: list[Outcome]) -> str:
    tests = [test_of(outcome) for outcome in outcomes]
    valid = statistics.fmean(outcome["valid"] for outcome in outcomes)
    by_client = [statistics.fmean(values) for values in zip(*[o["test"].values() for o in outcomes], strict=True)]
    clients = " ".join(f"{value:.3f}" for value in by_client)
    return (
        f"{name}, {title}: lr {lr:g}, validation {valid:.3f}, "
        f"test {mean_and_deviation(tests)} (clients {clients}), "
        f"{_seconds(outcomes):.2f} s a round"
    )


def _show(title: str, rows: list[tuple[str, float, list[Outcome]]]) -> None:
    table = _table(title, "method", "lr")
    for column in ("validation", "test", "by seed", "s a round", "first virtual s", "MB up", "MB down"):
        table.add_column(column, justify="right")
    for name, lr, outcomes in rows:
        tests = [test_of(outcome) for outcome in outcomes]
        made = [outcome["history"][0]["seconds"] for outcome in outcomes]
        table.add_row(
            name,
            f"{lr:g}",
            f"{statistics.fmean(outcome['valid'] for outcome in outcomes):.3f}",
            mean_and_deviation(tests),
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
