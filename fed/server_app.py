"""The server's side of Flower: ask who is there, train, choose by validation, read test once."""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, RecordDict
from flwr.serverapp import Grid, ServerApp

from fed import report
from fed.config import FedConfig
from fed.data.client_data import METRICS, UNKNOWN, Facts, Statistics, kind_of
from fed.methods import METHODS, method_of
from fed.mirage.driver import merge, train_here
from fed.runtime.lock import locked
from fed.runtime.superlink import MARK
from fed.server import privacy
from fed.server.guard import Guard
from fed.server.registration import register
from fed.server.replies import EVALUATE, STATISTICS
from fed.server.state import Progress, require
from fed.server.strategy import Federation
from graphdistill.core.command.output import check_writable
from graphdistill.core.parallel import one_thread

LOG = logging.getLogger("fed")
SHOWN = 10
"""Clients whose scores a line of progress has one by one."""
OUTPUT = Path("runs/fed")
"""Folder of results of ``flwr run``, from where its SuperLink was started."""
app = ServerApp()


@app.main()
@one_thread()
def main(grid: Grid, context: Context) -> None:
    """Run the federation; what came of it is in ``context.state`` and in a folder, if the config or Flower has one."""
    config = FedConfig.of(context.run_config)
    if not config.output and not getattr(grid, "in_process", False):
        # Of a run that Flower's own processes make, nothing else would be left.
        config = replace(config, output=str(OUTPUT.resolve()))
    with _heard(), locked(Path(config.output)) if config.output else contextlib.nullcontext():
        config, outcome = federate(Guard(grid, config), config)
        if config.output:
            report.write(config, outcome)
            if config.output != context.run_config.get("output"):
                LOG.info("written to %s", config.output)
        for line in outcome["missing"]:
            LOG.warning(line)
    tensors = {name: outcome.pop(name) for name in ("model", "shared")}
    context.state["outcome"] = ConfigRecord({"json": json.dumps(outcome)})
    for name, held in tensors.items():
        context.state[name] = ArrayRecord(held)


@contextlib.contextmanager
def _heard() -> Iterator[None]:
    """Where nobody listens to the log, as in a process that Flower starts, it goes to stderr, which Flower streams."""
    if LOG.handlers:
        yield
        return
    listener, level = logging.StreamHandler(), LOG.level
    listener.setFormatter(logging.Formatter(MARK + "%(message)s"))
    LOG.addHandler(listener)
    LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOG.removeHandler(listener)
        LOG.setLevel(level)


def federate(guard: Guard, config: FedConfig) -> tuple[FedConfig, dict[str, Any]]:
    """Train and evaluate.

    Args:
        guard: the grid.
        config: the federation.

    Returns:
        The config, with the number of clients that there are; and what came of it: scores by client, history, bytes,
        seconds, and what is missing; ``model`` and ``shared`` are tensors by name.

    Raises:
        RuntimeError: all clients failed before the last round was done, all rounds were lost, or clients do not agree
            on the shape of their data.
        ValueError: the checkpoint to go on from does not fit, or no result can be written.
    """
    started = time.perf_counter()
    folder = Path(config.output) if config.output else None
    if folder:
        check_writable(folder)
        if config.resume:
            require(folder)
    method = method_of(config.algorithm)
    config, facts = register(guard, config)
    nodes = list(guard.registered)
    kind = kind_of(facts)
    _check(config, kind)
    data = {one.client: one.data for one in guard.registered.values()}
    if config.resume and folder:
        progress = Progress.read(folder, config, data)
        LOG.info("going on after round %d", progress.rounds)
    else:
        statistics = _statistics(guard, facts, nodes) if config.statistics else None
        progress = Progress.first(config, facts, secrets.token_hex(4), statistics)
    progress.data |= data
    guard.up, guard.down = guard.up + progress.spent[0], guard.down + progress.spent[1]
    if method.merges and not progress.shared:
        small = merge(guard, config, facts["classes"], nodes)
        progress.merged, progress.shared, progress.news = dict(small.meta), small.payload(), True
        progress.took("federated Mirage", float(str(small.meta["seconds"])))
    strategy = Federation(config, facts, nodes, progress)
    told = _teller(guard, config, strategy, folder)
    outer = privacy.wrapped(strategy, config)
    arrays = ArrayRecord(progress.arrays)
    if config.at_server:
        train_here(strategy, lambda a: _judged(guard, a, "valid", progress.rounds, nodes, progress.run)["score"], told)
    elif progress.rounds < config.rounds:
        outer.start(guard, arrays, num_rounds=config.rounds - progress.rounds, timeout=config.timeout, evaluate_fn=told)
    if not progress.history:
        raise RuntimeError(f"all {config.rounds} rounds were lost: {'; '.join(dict.fromkeys(guard.refused))}")
    outcome = {**_final(guard, strategy), "privacy": privacy.spent(outer)}
    seconds = {**progress.seconds, "all": time.perf_counter() - started}
    return config, {**outcome, "seconds by phase": seconds}


def _final(guard: Guard, strategy: Federation) -> dict[str, Any]:
    """Scores of the model that is chosen, with all that there is besides; what is missing by now costs nothing else."""
    config, facts, nodes, progress = strategy.config, strategy.facts, strategy.nodes, strategy.progress
    kind, missing = kind_of(facts), []

    def scores(arrays: dict[str, torch.Tensor], split: str, rounds: int, what: str) -> dict[str, dict[int, float]]:
        try:
            found = _judged(guard, arrays, split, rounds, nodes, progress.run)
        except RuntimeError as error:
            missing.append(f"{what}: {error}")
            return {"score": {}, "trivial": {}}
        absent = [str(one.client) for one in guard.registered.values() if one.client not in found["answered"]]
        if absent:
            missing.append(f"{what}: no reply of client{'s' if len(absent) > 1 else ''} {', '.join(absent)}")
        return found

    final = scores(progress.arrays, "valid", progress.rounds, "validation of the last model")["score"]
    progress.look(final, progress.arrays, progress.rounds)
    best = progress.best or progress.arrays
    chosen = progress.best_rounds if progress.best else progress.rounds
    tests = scores(best, "test", chosen, "test")
    untrained = scores(Progress.first(config, facts, "").arrays, "test", 0, "test of the untrained network")
    lost = config.rounds - len({line["round"] for line in progress.history})
    if lost:
        missing.append(f"{lost} of {config.rounds} rounds were lost, for all clients failed or were refused")
    return {
        "names": {one.client: one.name for one in guard.registered.values()},
        "nodes": {one.client: node for node, one in guard.registered.items()},
        "kind": kind,
        "metric": METRICS[kind][0],
        "test": tests["score"],
        "baselines": {"untrained network": untrained["score"], METRICS[kind][1]: tests["trivial"]},
        "valid": progress.best_valid,
        "chosen round": chosen,
        "history": progress.history,
        "final valid": final,
        "bytes up": guard.up,
        "bytes down": guard.down,
        "federated mirage": progress.merged,
        "refused": guard.refused,
        "missing": missing,
        "model": {name: best[name] for name in strategy.model(best).state_dict()},
        "shared": progress.shared if progress.news else {},
    }


def _teller(
    guard: Guard, config: FedConfig, strategy: Federation, folder: Path | None
) -> Callable[[int, ArrayRecord], None]:
    """What is done after each round: tell how it went, and write down where the federation stands."""
    last = [time.perf_counter()]

    def told(number: int, arrays: ArrayRecord) -> None:
        if not number:
            return
        strategy.done(arrays)
        progress = strategy.progress
        now = time.perf_counter()
        line: dict[str, Any] = progress.history[-1] if progress.history else {"round": 0}
        if line["round"] != progress.rounds:
            LOG.warning("round %d is lost", progress.rounds)
            return
        line["seconds"], last[0] = now - last[0], now
        progress.spent = guard.up, guard.down
        LOG.info(
            "round %d/%d: loss %.3f; validation before it %s; bytes %s up, %s down; %.1f s",
            progress.rounds,
            config.rounds,
            line["loss"],
            _scores(line["valid before"]),
            f"{guard.up:,}",
            f"{guard.down:,}",
            line["seconds"],
        )
        if folder:
            progress.write(folder, config)

    return told


def _scores(by_client: dict[int, float]) -> str:
    """Of every client, or where they are many of the worst and the best."""
    if len(by_client) > SHOWN:
        values = by_client.values()
        return f"{min(values):.3f} to {max(values):.3f} at {len(values)} clients"
    return "by client " + ", ".join(f"{client}: {value:.3f}" for client, value in by_client.items())


def _check(config: FedConfig, kind: str) -> None:
    """Refuse what the clients' kind of data does not allow."""
    if kind not in method_of(config.algorithm).kinds:
        fit = [name for name in METHODS if kind in method_of(name.partition("-")[0]).kinds]
        raise ValueError(f"--method {config.method} is not for {kind}; choose from {', '.join(fit)}")
    if config.statistics and kind == "molecules":
        raise ValueError("--statistics are means of pixels, which molecules have not; leave it out")
    if config.dp_noise and config.at_server:
        raise ValueError("--dp-noise hides updates, of which fedmirage has none; give --support-epsilon")


def _statistics(guard: Guard, facts: Facts, nodes: list[int]) -> Statistics:
    """Means over clients of the means and deviations of their classes; 0.5 and 0.25 where nobody has a class."""
    replies = guard.numbers(STATISTICS, RecordDict(), nodes)

    def mean(kind: str, default: float) -> torch.Tensor:
        out = torch.full((facts["classes"], facts["channels"]), default)
        for label in range(facts["classes"]):
            for channel in range(facts["channels"]):
                name = f"{kind}-{label}-{channel}"
                values = [numbers[name] for numbers in replies if name in numbers]
                out[label, channel] = sum(values) / len(values) if values else default
        return out

    return mean("mean", 0.5), mean("deviation", 0.25)


def _judged(
    guard: Guard, arrays: dict[str, torch.Tensor], split: str, rounds: int, nodes: list[int], run: str
) -> dict[str, dict[int, float]]:
    """Scores of a model of some round by client, what it takes no model to reach, and who answered at all."""
    asked = ConfigRecord({"split": split, "rounds": rounds, "run": run})
    content = RecordDict({"arrays": ArrayRecord(arrays), "config": asked})
    by_client = {int(numbers["client"]): numbers for numbers in guard.numbers(EVALUATE, content, nodes)}
    known = {client: numbers for client, numbers in by_client.items() if numbers["score"] != UNKNOWN}
    scores = {name: {client: numbers[name] for client, numbers in known.items()} for name in ("score", "trivial")}
    return {**scores, "answered": dict.fromkeys(by_client, 1.0)}
