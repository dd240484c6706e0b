import torch

from fed.data.client_data import network
from fed.server.state import ServerState
from fed.server.strategy import Federation
from fed.server.training import train_here
from graphdistill.core.sets.synthetic import SyntheticSet
from tests.fed.samples import FACTS, federation, molecular, part


def test_the_server_trains_and_clients_evaluate(monkeypatch):
    config, held = molecular(monkeypatch, method="fedmirage", support=0.15, per_class=5, lr=0.01)
    train = held[0].train
    shared = SyntheticSet(train[0], train[1], train[2], features="ogb").payload()

    def trained():
        state = ServerState.first(config, held[0].facts, "run")
        state.broadcast = dict(shared)
        strategy = Federation(config, held[0].facts, [1, 2, 3], state)
        scores = iter([{0: 0.4}, {0: 0.9}])
        train_here(strategy, lambda arrays: next(scores), lambda number, arrays: strategy.end_round(arrays))
        assert (state.rounds, state.best_rounds, state.best_valid) == (2, 1, 0.9)
        assert state.history[0]["loss"] > state.history[1]["loss"]
        return state.arrays

    first, second = trained(), trained()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_server_learns_from_images(monkeypatch):
    config = federation(monkeypatch, [part(0)], method="fedavg", train_on="generated", rounds=20)
    state = ServerState.first(config, FACTS, "run")
    state.broadcast = dict(zip("xy", part(1, count=30).train, strict=True))
    strategy = Federation(config, FACTS, [1], state)
    train_here(strategy, lambda arrays: {}, lambda number, arrays: strategy.end_round(arrays))
    net = network(FACTS, 0)
    net.load_state_dict(state.arrays)
    assert part(5, count=30).score(net, "test") == 1.0
