import json

import pytest
import torch
from flwr.app import Context, RecordDict

from fed import client_app
from fed.client import round as rounds
from fed.config import FedConfig
from fed.runtime import in_process as grid
from fed.runtime.in_process import run_in_process
from fed.server_app import app as server
from tests.fed.samples import federation, part


def runs(monkeypatch, config):
    """State of each client after a run, and what its training was given."""
    grids, given = [], []
    keep, fit = grid.LocalGrid, rounds.train

    class Kept(keep):
        def __init__(self, *args):
            super().__init__(*args)
            grids.append(self)

    monkeypatch.setattr(grid, "LocalGrid", Kept)
    monkeypatch.setattr(rounds, "train", lambda *a, **k: given.append(a) or fit(*a, **k))
    state = run_in_process(server, client_app.app, config.run_config(), config.clients)
    return list(grids[0].contexts.values()), given, json.loads(state.config_records["outcome"]["json"])


@pytest.mark.parametrize(
    ("method", "data", "count"),
    [("fedavg", "real", 40), ("fedprox", "real", 40), ("fedavg", "subset", 12), ("fedlgd", "virtual", 12)],
)
def test_methods_train_on_as_many_images_as_they_should(method, data, count, monkeypatch):
    _, given, _ = runs(monkeypatch, federation(monkeypatch, [part(0, count=40)], method=method, train_on=data))
    assert [args[2] for args in given] == [count] * 3


def test_virtual_images_stay_and_are_refreshed_every_fifth_round(monkeypatch):
    config = federation(monkeypatch, [part(0)], method="fedlgd", rounds=7)
    contexts, given, _ = runs(monkeypatch, config)
    x = [args[1][0][:6] for args in given]
    assert all(torch.equal(x[0], other) for other in x[1:5])
    assert not torch.equal(x[4], x[5])
    assert torch.equal(x[5], x[6])
    assert torch.equal(contexts[0].state.array_records["memory"].to_torch_state_dict()["virtual.x"], x[6])


def test_clients_are_contrasted_with_global_images_once_they_were_matched(monkeypatch):
    config = federation(monkeypatch, [part(0), part(1)], method="fedlgd", rounds=7)
    contexts, given, _ = runs(monkeypatch, config)
    assert [args[4].contrast > 0 for args in given[::2]] == [False, True, True, True, True, False, True]
    assert all(args[4].logits.shape == (6, 3) for args in given)
    kept = [c.state.array_records["broadcast"].to_torch_state_dict()["x"] for c in contexts]
    assert torch.equal(*kept)


def test_a_node_may_hold_data_of_its_own(tmp_path):
    config = FedConfig(method="fedavg", clients=2, image_size=12)
    context = Context(1, 1, {"partition-id": 1, "dataset": "digits"}, RecordDict(), config.run_config())
    _, client, own = client_app._mine(context)
    assert (client, own.name) == (1, "digits")
    assert own.train[0].shape[1:] == (1, 12, 12)
    assert sum(len(y) for _, y in (own.train, own.valid, own.test)) == 1797


def test_a_node_too_many_says_so(monkeypatch):
    config = federation(monkeypatch, [part(0)], method="fedavg", clients=2)
    _, _, found = runs(monkeypatch, config)
    assert "node 2 failed: ValueError: partition-id 1 is beyond --clients 1" in found["refused"][0]


def test_virtual_data_of_an_earlier_run_cost_what_they_did(monkeypatch):
    config = federation(monkeypatch, [part(0), part(1)], method="fedavg", train_on="virtual", rounds=2)
    costs = [runs(monkeypatch, config)[2]["seconds by phase"]["virtual data of clients"] for _ in range(3)]
    assert costs[0] > 0
    assert costs[1] == pytest.approx(costs[0])
    assert costs[2] == pytest.approx(costs[0])
