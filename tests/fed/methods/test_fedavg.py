import torch

from fed import client_app
from fed.client.round import LocalRound
from fed.data.client_data import network
from fed.runtime.in_process import run_in_process
from fed.server_app import app as server
from tests.fed.samples import FACTS, federation, part


def model(config):
    return run_in_process(server, client_app.app, config.run_config(), config.clients).array_records["model"]


def test_a_round_is_the_mean_of_what_clients_reach(monkeypatch):
    parts = [part(0), part(1, count=30)]
    for weights, shares in (("uniform", (1, 1)), ("size", (12, 30))):
        config = federation(monkeypatch, parts, method="fedavg", rounds=1, lr=0.1, weights=weights)
        reached = []
        for client, own in enumerate(parts):
            net = network(FACTS, 0)
            local = LocalRound(config=config, client=client, round=1, part=own, net=net, lr=0.1)
            local.train(own.train, len(own.train[1]))
            reached.append(net.state_dict())
        after = model(config).to_torch_state_dict()
        for name, value in after.items():
            wanted = sum(w * state[name] for w, state in zip(shares, reached, strict=True)) / sum(shares)
            torch.testing.assert_close(value, wanted, atol=1e-6, rtol=1e-5)


def test_clients_learn_together(monkeypatch):
    parts = [part(0, classes=(0, 1), count=40), part(1, classes=(1, 2), count=40)]
    config = federation(monkeypatch, parts, method="fedavg", rounds=10)
    net = network(FACTS, 0)
    net.load_state_dict(model(config).to_torch_state_dict())
    assert part(5, count=30).score(net, "test") == 1.0
