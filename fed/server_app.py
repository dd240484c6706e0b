"""The server's side of Flower: register clients, train, choose the model by validation, test once."""

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
from fed.methods import FAMILY
from fed.methods._method import method_of
from fed.mirage.driver import merge
from fed.runtime.lock import locked
from fed.runtime.superlink import MARK
from fed.server import privacy
from fed.server.generated import draw_from_clients
from fed.server.guard import Guard
from fed.server.registration import register
from fed.server.replies import EVALUATE, STATISTICS
from fed.server.state import ServerState, require
from fed.server.strategy import Federation
from fed.server.training import train_here
from fed.trees.driver import fit_trees
from graphdistill.core.command.output import check_writable
from graphdistill.core.parallel import one_thread

LOG = logging.getLogger("fed")
SHOWN = 10
"""Most clients whose scores a line of the log lists one by one."""
OUTPUT = Path("runs/fed")
"""Folder of results of ``flwr run``, relative to where its SuperLink was started."""
app = ServerApp()


@app.main()
@one_thread()
def main(grid: Grid, context: Context) -> None:
    """Run the federation; the outcome is in ``context.state`` and in the config's folder, with Flower in runs/fed."""
    config = FedConfig.of(context.run_config)
    if not config.output and not getattr(grid, "in_process", False):
        # Nothing but files outlives a run in Flower's own processes.
        config = replace(config, output=str(OUTPUT.resolve()))
    with _logged(), locked(Path(config.output)) if config.output else contextlib.nullcontext():
        config, outcome = federate(Guard(grid, config), config)
        if config.output:
            report.write(config, outcome)
            if config.output != context.run_config.get("output"):
                LOG.info("written to %s", config.output)
        for line in outcome["missing"]:
            LOG.warning(line)
    tensors = {name: outcome.pop(name) for name in ("model", "broadcast")}
    context.state["outcome"] = ConfigRecord({"json": json.dumps(outcome)})
    for name, value in tensors.items():
        context.state[name] = ArrayRecord(value)


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    """Write the log to stderr, which Flower streams, where it has no handler, as in a process that Flower starts."""
    if LOG.handlers:
        yield
        return
    handler, level = logging.StreamHandler(), LOG.level
    handler.setFormatter(logging.Formatter(MARK + "%(message)s"))
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(level)


def federate(guard: Guard, config: FedConfig) -> tuple[FedConfig, dict[str, Any]]:
    """Train and evaluate.

    Args:
        guard: the grid.
        config: the federation.

    Returns:
        The config, with the actual number of clients; and the outcome: scores by client, history, bytes, seconds, and
        what is missing; ``model`` and ``broadcast`` are tensors by name.

    Raises:
        RuntimeError: all clients failed before the last round was done, all rounds were lost, or the shapes of the
            clients' data differ.
        ValueError: the checkpoint to resume from does not fit, or results cannot be written.
    """
    started = time.perf_counter()
    folder = Path(config.output) if config.output else None
    if folder:
        check_writable(folder)
        if config.resume:
            require(folder)
    method = method_of(config)
    config, facts = register(guard, config)
    nodes = list(guard.registered)
    kind = kind_of(facts)
    _check(config, kind)
    if method.sums_gradients:
        found = fit_trees(guard, config, nodes)
        seconds = {**found.pop("seconds by phase"), "all": time.perf_counter() - started}
        return config, {**_facts(guard, kind), **found, "seconds by phase": seconds}
    data = {one.client: one.data for one in guard.registered.values()}
    if config.resume and folder:
        state = ServerState.read(folder, config, data)
        LOG.info("resuming after round %d", state.rounds)
    else:
        statistics = _statistics(guard, facts, nodes) if config.statistics else None
        state = ServerState.first(config, facts, secrets.token_hex(4), statistics)
    state.data |= data
    guard.up, guard.down = guard.up + state.spent[0], guard.down + state.spent[1]
    if method.merges and not state.broadcast:
        synthetic = merge(guard, config, facts["classes"], nodes)
        state.merged, state.broadcast, state.broadcast_changed = dict(synthetic.meta), synthetic.payload(), True
        state.add_time("federated Mirage", float(str(synthetic.meta["seconds"])))
    if config.training_data == "generated" and not state.broadcast:
        drawn = draw_from_clients(guard, config, facts, nodes, state.run)
        state.generators, state.broadcast, state.broadcast_changed = drawn.facts, drawn.tensors, True
        state.add_time("virtual data of clients", drawn.seconds)
    strategy = Federation(config, facts, nodes, state)
    after_round = _after_round(guard, config, strategy, folder)
    outer = privacy.wrapped(strategy, config)
    arrays = ArrayRecord(state.arrays)
    if config.at_server:
        scores = lambda arrays: _evaluated(guard, arrays, "valid", state.rounds, nodes, state.run)["score"]  # noqa: E731
        train_here(strategy, scores, after_round)
    elif state.rounds < config.rounds:
        left = config.rounds - state.rounds
        outer.start(guard, arrays, num_rounds=left, timeout=config.timeout, evaluate_fn=after_round)
    if not state.history:
        raise RuntimeError(f"all {config.rounds} rounds were lost: {'; '.join(dict.fromkeys(guard.refused))}")
    outcome = {**_final(guard, strategy), "privacy": privacy.spent(outer)}
    seconds = {**state.seconds, "all": time.perf_counter() - started}
    return config, {**outcome, "seconds by phase": seconds}


def _final(guard: Guard, strategy: Federation) -> dict[str, Any]:
    """The outcome with the scores of the chosen model; a reply that is missing now costs only its own score."""
    config, facts, nodes, state = strategy.config, strategy.facts, strategy.nodes, strategy.state
    kind, missing = kind_of(facts), []

    def scores(arrays: dict[str, torch.Tensor], split: str, rounds: int, what: str) -> dict[str, dict[int, float]]:
        try:
            found = _evaluated(guard, arrays, split, rounds, nodes, state.run)
        except RuntimeError as error:
            missing.append(f"{what}: {error}")
            return {"score": {}, "trivial": {}}
        absent = [str(one.client) for one in guard.registered.values() if one.client not in found["replied"]]
        if absent:
            missing.append(f"{what}: no reply of client{'s' if len(absent) > 1 else ''} {', '.join(absent)}")
        return found

    final = scores(state.arrays, "valid", state.rounds, "validation of the last model")["score"]
    state.keep_best(final, state.arrays, state.rounds)
    best = state.best or state.arrays
    chosen = state.best_rounds if state.best else state.rounds
    tests = scores(best, "test", chosen, "test")
    untrained = scores(ServerState.first(config, facts, "").arrays, "test", 0, "test of the untrained network")
    lost = config.rounds - len({line["round"] for line in state.history})
    if lost:
        missing.append(f"{lost} of {config.rounds} rounds were lost because all clients failed or were refused")
    return {
        **_facts(guard, kind),
        "test": tests["score"],
        "baselines": {"untrained network": untrained["score"], METRICS[kind][1]: tests["trivial"]},
        "valid": state.best_valid,
        "chosen round": chosen,
        "history": state.history,
        "final valid": final,
        "federated mirage": state.merged,
        "generators": state.generators,
        "missing": missing,
        "model": {name: best[name] for name in strategy.model(best).state_dict()},
        "broadcast": state.broadcast if state.broadcast_changed else {},
    }


def _facts(guard: Guard, kind: str) -> dict[str, Any]:
    """What the outcome of every method has, with empty places for what only some have."""
    return {
        "names": {one.client: one.name for one in guard.registered.values()},
        "nodes": {one.client: node for node, one in guard.registered.items()},
        "kind": kind,
        "metric": METRICS[kind][0],
        "bytes up": guard.up,
        "bytes down": guard.down,
        "refused": guard.refused,
        **{name: {} for name in ("federated mirage", "generators", "trees", "privacy", "broadcast")},
    }


def _after_round(
    guard: Guard, config: FedConfig, strategy: Federation, folder: Path | None
) -> Callable[[int, ArrayRecord], None]:
    """What is done after each round: log it, and write the checkpoint."""
    last = [time.perf_counter()]

    def after_round(number: int, arrays: ArrayRecord) -> None:
        if not number:
            return
        strategy.end_round(arrays)
        state = strategy.state
        now = time.perf_counter()
        line: dict[str, Any] = state.history[-1] if state.history else {"round": 0}
        if line["round"] != state.rounds:
            LOG.warning("round %d is lost", state.rounds)
            return
        line["seconds"], last[0] = now - last[0], now
        state.spent = guard.up, guard.down
        LOG.info(
            "round %d/%d: loss %.3f; validation before it %s; bytes %s up, %s down; %.1f s",
            state.rounds,
            config.rounds,
            line["loss"],
            _scores(line["valid before"]),
            f"{guard.up:,}",
            f"{guard.down:,}",
            line["seconds"],
        )
        if folder:
            state.write(folder, config)

    return after_round


def _scores(by_client: dict[int, float]) -> str:
    """The score of every client, or of the worst and the best where there are many."""
    if len(by_client) > SHOWN:
        values = by_client.values()
        return f"{min(values):.3f} to {max(values):.3f} at {len(values)} clients"
    return "by client " + ", ".join(f"{client}: {value:.3f}" for client, value in by_client.items())


def _check(config: FedConfig, kind: str) -> None:
    """Refuse what the clients' kind of data does not allow."""
    FAMILY.check(config.method, kind)
    if config.statistics and kind == "molecules":
        raise ValueError("--statistics are means of pixels, and molecules have none; leave it out")
    if config.training_data == "generated" and kind == "molecules":
        raise ValueError("--train-on generated draws images, and molecules have no generators; give --train-on virtual")
    if config.dp_noise and config.at_server:
        raise ValueError("--dp-noise is noise on updates, and fedmirage has none; give --support-epsilon")


def _statistics(guard: Guard, facts: Facts, nodes: list[int]) -> Statistics:
    """Means over clients of the means and deviations of their classes; 0.5 and 0.25 for a class that no client has."""
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


def _evaluated(
    guard: Guard, arrays: dict[str, torch.Tensor], split: str, rounds: int, nodes: list[int], run: str
) -> dict[str, dict[int, float]]:
    """Scores of a model by client, the trivial scores without a model, and the clients that replied at all."""
    settings = ConfigRecord({"split": split, "rounds": rounds, "run": run})
    content = RecordDict({"arrays": ArrayRecord(arrays), "config": settings})
    by_client = {int(numbers["client"]): numbers for numbers in guard.numbers(EVALUATE, content, nodes)}
    known = {client: numbers for client, numbers in by_client.items() if numbers["score"] != UNKNOWN}
    scores = {name: {client: numbers[name] for client, numbers in known.items()} for name in ("score", "trivial")}
    return {**scores, "replied": dict.fromkeys(by_client, 1.0)}
