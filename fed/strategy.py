"""FedAvg that remembers the model that validation liked best, and FedLGD on top of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg

from fed import virtual
from fed.data import Pairs
from fed.task import pseudo_gradient
from graphdistill.core.convnet import ConvNet

LOG = logging.getLogger("fed")
EVERY = 5
"""Rounds between those in which clients refresh and after which the server matches (FedLGD's value)."""


class Federation(FedAvg):
    """Sends the model to all clients every round and keeps what they tell; averaging is FedAvg's, unchanged.

    Replies tell how good the model is that was sent, so that no second message is needed.

    Args:
        nodes: how many clients there are.

    Attributes:
        best: validation accuracy, number of rounds before it, and the model.
        history: a line for each round.
    """

    def __init__(self, nodes: int):
        super().__init__(
            fraction_evaluate=0.0,
            min_train_nodes=nodes,
            min_available_nodes=nodes,
            train_metrics_aggr_fn=self._note,
        )
        self.round = 0
        self.sent: ArrayRecord | None = None
        self.best: tuple[float, int, ArrayRecord | None] = (-1.0, 0, None)
        self.history: list[dict[str, object]] = []
        self.seconds = {"local training": 0.0, "virtual data of clients": 0.0, "virtual data of the server": 0.0}

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """The same message to every node; nobody is left with an old model."""
        self.round, self.sent = server_round, arrays
        config["server-round"] = server_round
        config["refresh"] = (server_round - 1) % EVERY == 0
        record = RecordDict({"arrays": arrays, "config": config})
        return self._construct_messages(record, list(grid.get_node_ids()), "train")

    def look(self, valid: dict[int, float], arrays: ArrayRecord, rounds: int) -> None:
        """Keep a model if validation likes it better, the mean over clients."""
        mean = sum(valid.values()) / len(valid)
        if mean > self.best[0]:
            self.best = (mean, rounds, arrays)

    def _note(self, replies: list[RecordDict], weighted_by: str) -> MetricRecord:
        told = [next(iter(reply.metric_records.values())) for reply in replies]
        numbers = [{name: float(str(value)) for name, value in record.items()} for record in told]
        valid = {int(n["client"]): n["valid"] for n in numbers}
        weight = sum(n[weighted_by] for n in numbers)
        loss = sum(n["loss"] * n[weighted_by] for n in numbers) / weight
        self.seconds["local training"] += sum(n["seconds"] for n in numbers)
        self.seconds["virtual data of clients"] += sum(n["refresh-seconds"] for n in numbers)
        assert self.sent is not None
        self.look(valid, self.sent, self.round - 1)
        self.history.append({"round": self.round, "loss": loss, "valid before": valid})
        by_client = ", ".join(f"{client}: {value:.3f}" for client, value in valid.items())
        LOG.info("round %d: loss %.3f; validation before it by client %s", self.round, loss, by_client)
        return MetricRecord({"loss": loss, "valid": sum(valid.values()) / len(valid)})


class FedLGD(Federation):
    """FedLGD (Huang et al., TMLR 2024): after chosen rounds the server matches the pseudo-gradient into global images.

    It does so when the next round is made up, so that averaging stays as it is, and the images travel in a message of
    their own, for what wraps training messages (clipping, noise) to see the model alone.

    Args:
        nodes: how many clients there are.
        net: a network to hold models in.
        images: global virtual images to begin with.
    """

    def __init__(self, nodes: int, net: Callable[[ArrayRecord], ConvNet], images: Pairs):
        super().__init__(nodes)
        self.net, self.images = net, images

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Match first, where the last round was a chosen one."""
        if self.sent is not None and (server_round - 2) % EVERY == 0:
            begun = time.perf_counter()
            old, new = self.net(self.sent), self.net(arrays)
            self.images = virtual.match_gradient(old, pseudo_gradient(old, new), self.images)
            self.seconds["virtual data of the server"] += time.perf_counter() - begun
            record = RecordDict({"global": ArrayRecord({"x": self.images[0], "y": self.images[1]})})
            list(grid.send_and_receive(self._construct_messages(record, list(grid.get_node_ids()), "query.sync")))
        return super().configure_train(server_round, arrays, config, grid)
