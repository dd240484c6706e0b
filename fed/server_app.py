"""The server's side of Flower: ask who is there, train, choose by validation, read test once."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

from fed.config import FedConfig
from fed.data import Pairs
from fed.guard import Guard
from fed.report import keep
from fed.strategy import Federation, FedLGD
from fed.superlink import MARK
from fed.task import network
from graphdistill.core.convnet import ConvNet
from graphdistill.core.randomness import generator

LOG = logging.getLogger("fed")
app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the federation; what came of it is in ``context.state``, and in the folder ``output`` where one is named."""
    config = FedConfig.of(context.run_config)
    with _heard():
        outcome, images = federate(Guard(grid), config)
        tests = ", ".join(f"{client}: {value:.3f}" for client, value in outcome["test"].items())
        LOG.info("test accuracy by client, of round %d: %s", outcome["chosen round"], tests)
    context.state["outcome"] = ConfigRecord({"json": json.dumps(outcome)})
    if images is not None:
        context.state["global"] = ArrayRecord({"x": images[0], "y": images[1]})
    if folder := context.run_config.get("output"):
        keep(context.state, Path(str(folder)))


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


def federate(guard: Guard, config: FedConfig) -> tuple[dict[str, Any], Pairs | None]:
    """Train and judge.

    Args:
        guard: the grid.
        config: the federation.

    Returns:
        What came of it: accuracy by client, history, bytes, seconds; and the global virtual images, if any.

    Raises:
        RuntimeError: all clients failed, or they do not agree on the shape of images.
    """
    begun = time.perf_counter()
    nodes = _nodes(guard, config.clients)
    facts = _numbers(guard, "query.hello", RecordDict(), nodes)
    shapes = {tuple(int(f[n]) for n in ("channels", "height", "width", "classes")) for f in facts}
    if len(shapes) != 1:
        raise RuntimeError(f"clients hold images of different shapes and classes: {sorted(shapes)}")
    channels, height, width, classes = shapes.pop()
    shape = channels, height, width

    def holding(arrays: ArrayRecord) -> ConvNet:
        net = network(shape, classes, config.seed)
        net.load_state_dict(arrays.to_torch_state_dict())
        return net

    strategy = Federation(len(nodes))
    if config.method == "fedlgd":
        noise = generator(config.seed, "global images")
        x = (0.5 + 0.25 * torch.randn((classes * config.per_class, *shape), generator=noise)).clamp(0, 1)
        images = x, torch.arange(classes).repeat_interleave(config.per_class)
        strategy = FedLGD(len(nodes), holding, images)
    first = ArrayRecord(network(shape, classes, config.seed).state_dict())
    result = strategy.start(guard, first, num_rounds=config.rounds)
    final = {int(n["client"]): float(n["accuracy"]) for n in _judged(guard, result.arrays, "valid", nodes)}
    strategy.look(final, result.arrays, config.rounds)
    valid, rounds, arrays = strategy.best
    assert arrays is not None
    tests = _judged(guard, arrays, "test", nodes)
    outcome = {
        # Flower draws the numbers of nodes, so replies come in any order of clients.
        "test": {str(int(n["client"])): float(n["accuracy"]) for n in sorted(tests, key=lambda n: n["client"])},
        "valid": valid,
        "chosen round": rounds,
        "history": strategy.history,
        "final valid": final,
        "bytes up": guard.up,
        "bytes down": guard.down,
        "refused": guard.refused,
        "seconds by phase": {**strategy.seconds, "all": time.perf_counter() - begun},
    }
    return outcome, strategy.images if isinstance(strategy, FedLGD) else None


def _nodes(guard: Guard, wanted: int, patience: float = 120.0) -> list[int]:
    """Nodes of all clients, once they have come."""
    until = time.monotonic() + patience
    while len(nodes := list(guard.get_node_ids())) < wanted:
        if time.monotonic() > until:
            raise RuntimeError(f"{len(nodes)} of {wanted} clients have come after {patience:.0f} s; start the others")
        time.sleep(0.5)
    return nodes


def _judged(guard: Guard, arrays: ArrayRecord, split: str, nodes: list[int]) -> list[dict[str, float]]:
    content = RecordDict({"arrays": arrays, "config": ConfigRecord({"split": split})})
    return _numbers(guard, "evaluate", content, nodes)


def _numbers(guard: Guard, kind: str, content: RecordDict, nodes: list[int]) -> list[dict[str, float]]:
    replies = guard.send_and_receive([Message(content, node, kind) for node in nodes])
    good = [next(iter(reply.content.metric_records.values())) for reply in replies if reply.has_content()]
    return [{name: float(str(value)) for name, value in record.items()} for record in good]
