"""FedAvg that samples clients by a seed, sends a method's broadcasts and keeps the best model."""

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
from fed.data.molecules import LR
from fed.methods._method import lr_of, method_of
from fed.server.guard import numbers_of
from fed.server.state import ServerState
from graphdistill.core.randomness import generator

LOG = logging.getLogger("fed")


class Federation(FedAvg):
    """FedAvg's averaging, unchanged, for what wraps it (clipping, noise, accounting) to accept it.

    A method's work at the server is done when the next round is configured, and its broadcast to all clients is a
    message of its own. Every sampled client gets the whole model in every round, and broadcasts go to all clients,
    sampled or not, so no client trains from outdated tensors. Replies contain the validation score of the model that
    was sent.

    Args:
        config: the federation.
        facts: what networks are made from.
        nodes: of all clients.
        state: where to start.
    """

    def __init__(self, config: FedConfig, facts: Facts, nodes: list[int], state: ServerState):
        self.num_sampled = max(1, round(config.participation * len(nodes)))
        super().__init__(
            fraction_evaluate=0.0,
            min_train_nodes=self.num_sampled,
            min_available_nodes=len(nodes),
            train_metrics_aggr_fn=self._note,
        )
        self.config, self.facts, self.nodes, self.state = config, facts, nodes, state
        self.method = method_of(config)
        self.lr = config.lr or (LR if kind_of(facts) == "molecules" else lr_of(config))
        self.synced: set[int] = set()

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Let the method work at the server, send its broadcast, and send the model to the sampled clients."""
        state, model = self.state, dict(arrays.to_torch_state_dict())
        if state.sent:
            begun = time.perf_counter()
            old, new = self.model(state.sent), self.model(model)
            broadcast = self.method.next_broadcast(state.rounds, old, new, state.broadcast, self.lr)
            if broadcast is not state.broadcast:
                state.broadcast, state.broadcast_changed, self.synced = broadcast, True, set()
            state.add_time("virtual data of the server", time.perf_counter() - begun)
        if state.broadcast_changed:
            self._sync(grid)
        state.sent = model
        order = torch.randperm(len(self.nodes), generator=generator(self.config.seed, "drawn", state.rounds + 1))
        nodes = sorted(self.nodes[i] for i in order[: self.num_sampled].tolist())
        settings: dict[str, int | float | str] = {
            "server-round": state.rounds + 1,
            "run": state.run,
            "lr": self.lr,
            "share": self.num_sampled / len(self.nodes),
        }
        record = RecordDict({"arrays": arrays, "config": ConfigRecord({**config, **settings})})
        return self._construct_messages(record, nodes, "train")

    def model(self, arrays: dict[str, Tensor]) -> nn.Module:
        """A network with the global model among the arrays."""
        net = network(self.facts, 0)
        net.load_state_dict({name: arrays[name] for name in net.state_dict()})
        return net

    def end_round(self, arrays: ArrayRecord) -> None:
        """Count a round, and keep the model that it led to."""
        self.state.rounds += 1
        self.state.arrays = dict(arrays.to_torch_state_dict())

    def _sync(self, grid: Grid) -> None:
        """Send the broadcast to all clients that lack it; those that fail are tried again in the next round."""
        missing = [node for node in self.nodes if node not in self.synced]
        if missing:
            record = RecordDict({"broadcast": ArrayRecord(self.state.broadcast)})
            replies = grid.send_and_receive(self._construct_messages(record, missing, "query.sync"))
            self.synced |= {reply.metadata.src_node_id for reply in replies if reply.has_content()}

    def _note(self, replies: list[RecordDict], weighted_by: str) -> MetricRecord:
        numbers = [numbers_of(reply) for reply in replies]
        valid = {int(n["client"]): n["valid"] for n in numbers if n["valid"] != UNKNOWN}
        loss = sum(n["loss"] for n in numbers) / len(numbers)
        state = self.state
        state.add_time("local training", sum(n["seconds"] for n in numbers))
        state.add_time("virtual data of clients", sum(n["virtual-seconds"] for n in numbers))
        if len(numbers) == len(self.nodes):
            state.keep_best(valid, state.sent, state.rounds)
        state.releases += 1
        state.history.append({"round": state.rounds + 1, "loss": loss, "valid before": valid})
        return MetricRecord({"loss": loss, "valid": sum(valid.values()) / max(1, len(valid))})
