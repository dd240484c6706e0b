"""Federated Mirage over Flower, every step one message to each client; and training at the server on what it finds."""

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
from fed.mirage.server import AnswerError, federated_mirage
from fed.server.guard import Guard
from fed.server.replies import COUNTS
from fed.server.strategy import Federation
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet

LOG = logging.getLogger("fed")


class _LostError(Exception):
    """Clients that did not answer as they should."""

    def __init__(self, nodes: set[int]):
        self.nodes = nodes


def merge(guard: Guard, config: FedConfig, classes: int, nodes: Sequence[int]) -> SyntheticSet:
    """What clients' molecules have in common, mined from counts; begun anew without those that fail.

    Args:
        guard: the grid.
        config: the federation.
        classes: how many there are.
        nodes: of all clients.

    Returns:
        The set; ``meta`` says what it cost, with bytes up and down and the raw bytes of the training graphs of each
        client, in the order of ``nodes`` without those that failed.

    Raises:
        RuntimeError: all clients failed.
        ValueError: no tree is frequent enough, or too many sets of trees are.
    """
    heard = list(nodes)
    raw: dict[int, int] = {}

    def ask(questions: Sequence[Arrays]) -> list[Arrays]:
        messages = [
            Message(RecordDict({"question": ArrayRecord({n: Array(v) for n, v in question.items()})}), node, COUNTS)
            for node, question in zip(heard, questions, strict=True)
        ]
        answers = {m.metadata.src_node_id: m.content for m in guard.send_and_receive(messages) if m.has_content()}
        if lost := set(heard) - set(answers):
            raise _LostError(lost)
        raw.update({node: int(str(answers[node].metric_records["metrics"]["raw-bytes"])) for node in heard})
        return [
            {name: array.numpy() for name, array in answers[node].array_records["arrays"].items()} for node in heard
        ]

    # Noise of a sum over clients has this deviation; three of them tell a tree that is missed by none from others.
    spread = math.sqrt(2 * len(heard)) / config.support_epsilon if config.support_epsilon else 0.0
    while True:
        try:
            small = federated_mirage(
                ask,
                len(heard),
                [config.support] * classes,
                "ogb",
                per_class=config.per_class,
                min_clients=config.min_clients or (2 if config.clients > 2 else 1),
                slack=math.ceil(3 * spread),
                exact=not config.support_epsilon,
                source=config.dataset,
            )
        except _LostError as lost:
            heard = [node for node in heard if node not in lost.nodes]
            LOG.warning("federated Mirage begins anew without nodes %s", ", ".join(map(str, sorted(lost.nodes))))
        except AnswerError as error:
            node = heard.pop(error.client)
            guard.leave_out(node, f"in federated Mirage, which starts anew without it: {error}")
            if not heard:
                raise RuntimeError(f"all clients failed: {'; '.join(guard.refused)}") from error
        except ValueError as error:
            raise ValueError(str(error).replace("--thresholds", f"--support {config.support}")) from error
        else:
            return replace(small, meta={**small.meta, "raw_bytes": [raw[node] for node in heard]})


def train_here(
    strategy: Federation,
    judge: Callable[[dict[str, torch.Tensor]], dict[int, float]],
    told: Callable[[int, ArrayRecord], None],
) -> None:
    """Train at the server on what was merged; before each round clients judge, as in rounds in which they train.

    A round takes as many entries as all clients together would.

    Args:
        strategy: where the federation stands.
        judge: validation scores of a model, by client.
        told: what is done after a round.
    """
    config, progress = strategy.config, strategy.progress
    data = unpacked(progress.shared)
    count = 2 * config.per_class * strategy.facts["classes"] * config.clients
    while progress.rounds < config.rounds:
        valid = judge(progress.arrays)
        progress.look(valid, progress.arrays, progress.rounds)
        net, begun = strategy.model(progress.arrays), time.perf_counter()
        draws = generator(config.seed, "server", progress.rounds + 1)
        loss = train(net, data, count, int(torch.randint(2**62, (), generator=draws)), rate=strategy.rate)
        progress.took("training at the server", time.perf_counter() - begun)
        progress.history.append({"round": progress.rounds + 1, "loss": loss, "valid before": valid})
        told(progress.rounds + 1, ArrayRecord(net.state_dict()))
