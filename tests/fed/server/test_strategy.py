import pytest
import torch
from flwr.app import ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedAvg

from fed.config import FedConfig
from fed.data.client_data import UNKNOWN
from fed.runtime.in_process import identity
from fed.server.state import ServerState
from fed.server.strategy import Federation
from tests.fed.samples import FACTS


def federation(nodes=(1, 2, 3, 4), **options):
    config = FedConfig(clients=len(nodes), **{"method": "fedavg", **options})
    return Federation(config, FACTS, list(nodes), ServerState.first(config, FACTS, "run"))


def numbers_of(client, valid):
    numbers = {"num-examples": client + 1, "client": client, "valid": valid, "loss": 1.0 + client}
    return RecordDict({"metrics": MetricRecord({**numbers, "seconds": 1.0, "virtual-seconds": 0.5})})


def sampled(strategy, grid=None):
    arrays = ArrayRecord(strategy.state.arrays)
    messages = list(strategy.configure_train(1, arrays, ConfigRecord(), grid))
    strategy.end_round(arrays)
    return [message.metadata.dst_node_id for message in messages]


def test_averaging_is_fedavgs_own():
    assert Federation.aggregate_train is FedAvg.aggregate_train


def test_validation_keeps_the_best_model_that_all_have_evaluated():
    strategy = federation((1, 2))
    for number, scores in enumerate([(0.1, 0.3), (0.6, 0.8), (0.5, 0.5), (0.9,)]):
        strategy.state.rounds, strategy.state.sent = number, {"w": torch.tensor([float(number)])}
        metrics = strategy._note([numbers_of(client, valid) for client, valid in enumerate(scores)], "num-examples")
    assert metrics["valid"] == 0.9
    state = strategy.state
    assert (state.best_valid, state.best_rounds, state.best["w"].tolist()) == (0.7, 1, [1.0])
    assert state.history[0]["loss"] == 1.5
    assert state.seconds == {"local training": 7.0, "virtual data of clients": 3.5}


def test_clients_are_sampled_by_the_seed():
    with identity():
        runs = [[sampled(s) for _ in range(8)] for s in (federation(participation=0.5, seed=n) for n in (0, 0, 1))]
    assert runs[0] == runs[1] != runs[2]
    assert {len(nodes) for nodes in runs[0]} == {2}
    assert {node for nodes in runs[0] for node in nodes} == {1, 2, 3, 4}


class Grid:
    """Answers ``query.sync``; one node is silent at first."""

    def __init__(self):
        self.requests = []

    def send_and_receive(self, messages):
        self.requests.append([message.metadata.dst_node_id for message in messages])
        silent = len(self.requests) == 1
        return [
            Message(Error(0, "silent"), reply_to=m)
            if silent and m.metadata.dst_node_id == 3
            else Message(RecordDict(), reply_to=m)
            for m in messages
        ]


@pytest.mark.parametrize("participation", [0.5, 1.0])
def test_a_broadcast_reaches_all_clients_sampled_or_not(participation, monkeypatch):
    with identity():
        strategy, grid = federation(method="fedlgd", participation=participation), Grid()
        after = [{"x": torch.zeros(1)}, None, {"x": torch.ones(1)}]
        monkeypatch.setattr(
            strategy.method, "next_broadcast", lambda rounds, old, new, broadcast, lr: after[rounds - 1] or broadcast
        )
        for _ in range(4):
            sampled(strategy, grid)
    # None before the first round; the silent one again; all again with what is new.
    assert grid.requests == [[1, 2, 3, 4], [3], [1, 2, 3, 4]]
    assert strategy.state.broadcast["x"].item() == 1


def test_clients_without_a_score_do_not_count():
    strategy = federation((1, 2))
    for number, scores in enumerate([(0.5, UNKNOWN), (0.8, UNKNOWN)]):
        strategy.state.rounds, strategy.state.sent = number, {}
        metrics = strategy._note([numbers_of(client, valid) for client, valid in enumerate(scores)], "num-examples")
    assert metrics["valid"] == strategy.state.best_valid == 0.8
    assert strategy.state.history[1]["valid before"] == {0: 0.8}
