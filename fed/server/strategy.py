"""FedAvg that draws its clients by a seed, hands on what a method shares and remembers the best model."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import torch
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg
from torch import Tensor, nn

from fed.config import FedConfig
from fed.data.client_data import UNKNOWN, Facts, kind_of, network
from fed.data.molecules import RATE
from fed.methods import method_of
from fed.server.guard import numbers_of
from fed.server.state import Progress
from graphdistill.core.randomness import generator

LOG = logging.getLogger("fed")


class Federation(FedAvg):
    """FedAvg's averaging, unchanged, for what wraps it (clipping, noise, accounting) to accept it.

    Whatever a method does at the server it does when the next round is made up, and what it sends to all clients
    travels in a message of its own. Every drawn client gets the whole model in every round, and what is shared goes to
    drawn and other clients alike, so nobody trains from what is old. Replies tell how good the model is that was sent.

    Args:
        config: the federation.
        facts: what networks are made from.
        nodes: of all clients.
        progress: where to begin.
    """

    def __init__(self, config: FedConfig, facts: Facts, nodes: list[int], progress: Progress):
        self.drawn = max(1, round(config.participation * len(nodes)))
        super().__init__(
            fraction_evaluate=0.0,
            min_train_nodes=self.drawn,
            min_available_nodes=len(nodes),
            train_metrics_aggr_fn=self._note,
        )
        self.config, self.facts, self.nodes, self.progress = config, facts, nodes, progress
        self.method = method_of(config.algorithm)
        self.rate = config.rate or (RATE if kind_of(facts) == "molecules" else self.method.rate)
        self.synced: set[int] = set()

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Let the method have its turn, hand on what it shares, and send the model to those who are drawn."""
        progress, state = self.progress, dict(arrays.to_torch_state_dict())
        if progress.sent:
            begun = time.perf_counter()
            old, new = self.model(progress.sent), self.model(state)
            shared = self.method.after(progress.rounds, old, new, progress.shared, self.rate)
            if shared is not progress.shared:
                progress.shared, progress.news, self.synced = shared, True, set()
            progress.took("virtual data of the server", time.perf_counter() - begun)
        if progress.news:
            self._sync(grid)
        progress.sent = state
        order = torch.randperm(len(self.nodes), generator=generator(self.config.seed, "drawn", progress.rounds + 1))
        nodes = sorted(self.nodes[i] for i in order[: self.drawn].tolist())
        told: dict[str, int | float | str] = {
            "server-round": progress.rounds + 1,
            "run": progress.run,
            "rate": self.rate,
            "share": self.drawn / len(self.nodes),
        }
        record = RecordDict({"arrays": arrays, "config": ConfigRecord({**config, **told})})
        return self._construct_messages(record, nodes, "train")

    def model(self, state: dict[str, Tensor]) -> nn.Module:
        """A network that holds the global model of a state."""
        net = network(self.facts, 0)
        net.load_state_dict({name: state[name] for name in net.state_dict()})
        return net

    def done(self, arrays: ArrayRecord) -> None:
        """A round is over."""
        self.progress.rounds += 1
        self.progress.arrays = dict(arrays.to_torch_state_dict())

    def _sync(self, grid: Grid) -> None:
        """Send what is shared to all that have it not yet; those who cannot be reached are asked again."""
        missing = [node for node in self.nodes if node not in self.synced]
        if missing:
            record = RecordDict({"shared": ArrayRecord(self.progress.shared)})
            replies = grid.send_and_receive(self._construct_messages(record, missing, "query.sync"))
            self.synced |= {reply.metadata.src_node_id for reply in replies if reply.has_content()}

    def _note(self, replies: list[RecordDict], weighted_by: str) -> MetricRecord:
        numbers = [numbers_of(reply) for reply in replies]
        valid = {int(n["client"]): n["valid"] for n in numbers if n["valid"] != UNKNOWN}
        loss = sum(n["loss"] for n in numbers) / len(numbers)
        progress = self.progress
        progress.took("local training", sum(n["seconds"] for n in numbers))
        progress.took("virtual data of clients", sum(n["virtual-seconds"] for n in numbers))
        if len(numbers) == len(self.nodes):
            progress.look(valid, progress.sent, progress.rounds)
        progress.releases += 1
        progress.history.append({"round": progress.rounds + 1, "loss": loss, "valid before": valid})
        return MetricRecord({"loss": loss, "valid": sum(valid.values()) / max(1, len(valid))})
