import hmac

import pytest

from fed import client_app
from fed.config import FedConfig
from fed.runtime.in_process import LocalGrid, identity
from fed.server import registration
from fed.server.guard import Guard
from fed.server.registration import register
from fed.server.replies import REGISTER
from tests.fed.samples import FACTS, federation, hostile, molecular, part


def registered(config, nodes=None, app=client_app.app):
    with identity():
        guard = Guard(LocalGrid(app, config.run_config(), nodes or config.clients), config)
        config, facts = register(guard, config)
    return guard, config, facts


def test_clients_come_in_the_order_of_their_numbers(monkeypatch):
    config = federation(monkeypatch, [part(0), part(1, name="other")], method="fedavg")
    guard, again, facts = registered(config)
    assert again == config
    assert facts == FACTS
    assert [(node, one.client, one.name) for node, one in guard.registered.items()] == [(1, 0, "own"), (2, 1, "other")]
    assert len({one.data for one in guard.registered.values()}) == 2


def test_data_unlike_those_of_most_are_left_out(monkeypatch):
    config = federation(monkeypatch, [part(0, num_classes=4), part(1), part(2)], method="fedavg")
    guard, _, facts = registered(config)
    assert facts == FACTS
    assert list(guard.registered) == [2, 3]
    assert guard.refused[0].startswith("node 1 was refused: its data have {'channels': 1,")


def test_where_no_shape_is_that_of_most_nobody_starts(monkeypatch):
    config = federation(monkeypatch, [part(0), part(1, num_classes=4)], method="fedavg")
    with pytest.raises(RuntimeError, match=r"different shapes and classes: \[\(\('channels'"):
        registered(config)


def test_a_number_is_one_clients(monkeypatch):
    def claims(reply):
        reply.content["metrics"]["client"] = 0

    config = federation(monkeypatch, [part(0), part(1), part(2)], method="fedavg")
    guard, _, _ = registered(config, app=hostile(REGISTER, 1, claims))
    assert {node: one.client for node, one in guard.registered.items()} == {1: 0, 3: 2}
    assert guard.refused == ["node 2 was refused: node 1 has partition-id 0 already; give it one of its own"]


def test_the_default_number_of_clients_gives_way_to_a_simulations(monkeypatch):
    parts = [part(0), part(1)]
    for clients, nodes in ((3, 2), (3, 1), (3, 3)):
        config = federation(monkeypatch, parts[:1] * nodes, method="fedavg", clients=clients)
        guard, config, _ = registered(config, nodes)
        assert config.clients == len(guard.registered) == guard.config.clients == nodes
    config = federation(monkeypatch, parts, method="fedavg", clients=5)
    with pytest.raises(ValueError, match="--federation-config 'num-supernodes=5', or --run-config 'clients=2'"):
        registered(config, 2)


def test_clients_that_do_not_connect_are_counted(monkeypatch):
    monkeypatch.setattr(registration, "PATIENCE", 0.1)

    class Few(LocalGrid):
        def get_node_ids(self):
            return [1]

    federation(monkeypatch, [part(0)], method="fedavg")
    config = FedConfig(method="fedavg", clients=2)
    with identity(), pytest.raises(RuntimeError, match=r"1 of 2 clients have connected after 0 s; start the others"):
        register(Guard(Few(client_app.app, config.run_config(), 2), config), config)


def test_clients_without_the_key_of_most_are_left_out(monkeypatch):
    def own(reply):
        reply.content["facts"]["key"] = "1" * 64

    config, _ = molecular(monkeypatch, method="fedmirage", support=0.15)
    guard, _, _ = registered(config)
    assert len({one.key for one in guard.registered.values()}) == len(guard.registered[1].key) // 64 == 1
    guard, _, _ = registered(config, app=hostile(REGISTER, 1, own))
    assert list(guard.registered) == [1, 3]
    assert guard.refused[0].startswith("node 2 was refused: its key for federated Mirage is not that of most clients; ")
    config, _ = molecular(monkeypatch, clients=2, method="fedmirage", support=0.15)
    with pytest.raises(RuntimeError, match=r"2 different keys for federated Mirage; copy the mirage.key of one client"):
        registered(config, app=hostile(REGISTER, 1, own))


def test_a_node_may_name_its_key(monkeypatch, tmp_path):
    config, _ = molecular(monkeypatch, clients=1, method="fedmirage", support=0.15)
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(b"k" * 32)
    with identity():
        grid = LocalGrid(client_app.app, config.run_config(), 1)
        grid.contexts[1].node_config["mirage-key"] = str(path)
        guard = Guard(grid, config)
        register(guard, config)
    wanted = hmac.new(b"k" * 32, b"federated mirage", "sha256").hexdigest()
    assert guard.registered[1].key == wanted
