"""Federated Mirage over Flower, one message to each client for every step."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

from flwr.app import Array, ArrayRecord, Message, RecordDict

from fed.config import FedConfig
from fed.mirage.client import Message as Arrays
from fed.mirage.server import ReplyError, federated_mirage
from fed.server.guard import Guard
from fed.server.replies import COUNTS
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
                min_clients=config.least_clients,
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
