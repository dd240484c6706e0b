"""Federated Mirage over Flower, one message to each client for every step, and training at the server on its set."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from flwr.app import Array, ArrayRecord, Message, RecordDict

from fed.client.local_training import train
from fed.config import FedConfig
from fed.data.molecules import unpacked
from fed.mirage.client import Message as Arrays
from fed.mirage.server import ReplyError, federated_mirage
from fed.server.guard import Guard
from fed.server.replies import COUNTS
from fed.server.strategy import Federation
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet

LOG = logging.getLogger("fed")


class _LostError(Exception):
    """Clients that did not reply as required."""

    def __init__(self, nodes: set[int]):
        self.nodes = nodes


def merge(guard: Guard, config: FedConfig, classes: int, nodes: Sequence[int]) -> SyntheticSet:
    """The tree sets that clients' molecules share, mined from counts; restarted without clients that fail.

    Args:
        guard: the grid.
        config: the federation.
        classes: number of classes.
        nodes: of all clients.

    Returns:
        The set; ``meta`` has its cost, with bytes up and down and the coded bytes of each client's training graphs, in
        the order of ``nodes`` without those that failed.

    Raises:
        RuntimeError: all clients failed.
        ValueError: no tree is frequent enough, or too many sets of trees are.
    """
    active = list(nodes)
    coded: dict[int, int] = {}

    def exchange(requests: Sequence[Arrays]) -> list[Arrays]:
        messages = [
            Message(RecordDict({"request": ArrayRecord({n: Array(v) for n, v in request.items()})}), node, COUNTS)
            for node, request in zip(active, requests, strict=True)
        ]
        replies = {m.metadata.src_node_id: m.content for m in guard.send_and_receive(messages) if m.has_content()}
        if lost := set(active) - set(replies):
            raise _LostError(lost)
        coded.update({node: int(str(replies[node].metric_records["metrics"]["training-bytes"])) for node in active})
        return [
            {name: array.numpy() for name, array in replies[node].array_records["arrays"].items()} for node in active
        ]

    # Deviation of the noise on a sum over clients; three of them distinguish a tree that all graphs have from others.
    spread = math.sqrt(2 * len(active)) / config.support_epsilon if config.support_epsilon else 0.0
    while True:
        try:
            synthetic = federated_mirage(
                exchange,
                len(active),
                [config.support] * classes,
                "ogb",
                per_class=config.per_class,
                min_clients=config.min_clients or (2 if config.clients > 2 else 1),
                slack=math.ceil(3 * spread),
                exact=not config.support_epsilon,
                source=config.dataset,
            )
        except _LostError as lost:
            active = [node for node in active if node not in lost.nodes]
            LOG.warning("federated Mirage restarts without nodes %s", ", ".join(map(str, sorted(lost.nodes))))
        except ReplyError as error:
            node = active.pop(error.client)
            guard.leave_out(node, f"in federated Mirage, which restarts without it: {error}")
            if not active:
                raise RuntimeError(f"all clients failed: {'; '.join(guard.refused)}") from error
        except ValueError as error:
            raise ValueError(str(error).replace("--thresholds", f"--support {config.support}")) from error
        else:
            return replace(synthetic, meta={**synthetic.meta, "training_bytes": [coded[node] for node in active]})


def train_here(
    strategy: Federation,
    evaluate: Callable[[dict[str, torch.Tensor]], dict[int, float]],
    after_round: Callable[[int, ArrayRecord], None],
) -> None:
    """Train at the server on the mined set; before each round clients evaluate, as in rounds in which they train.

    A round takes as many entries as all clients together.

    Args:
        strategy: with the state of the federation.
        evaluate: validation scores of a model, by client.
        after_round: called after every round.
    """
    config, state = strategy.config, strategy.state
    data = unpacked(state.broadcast)
    count = config.passes * config.per_class * strategy.facts["classes"] * config.clients
    while state.rounds < config.rounds:
        valid = evaluate(state.arrays)
        state.keep_best(valid, state.arrays, state.rounds)
        net, begun = strategy.model(state.arrays), time.perf_counter()
        draws = generator(config.seed, "server", state.rounds + 1)
        seed = int(torch.randint(2**62, (), generator=draws))
        loss = train(net, data, count, seed, lr=strategy.lr, batch_size=config.batch_size)
        state.add_time("training at the server", time.perf_counter() - begun)
        state.history.append({"round": state.rounds + 1, "loss": loss, "valid before": valid})
        after_round(state.rounds + 1, ArrayRecord(net.state_dict()))
