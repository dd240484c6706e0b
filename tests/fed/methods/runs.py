"""Rounds of a method, one at a time or as a whole federation."""

import copy

import torch

from fed import client_app
from fed.client.round import LocalRound
from fed.config import FedConfig
from fed.data.client_data import network
from fed.methods._method import method_of
from fed.runtime import in_process as grid
from fed.runtime.in_process import run_in_process
from fed.server.state import ServerState
from fed.server_app import app as server


def local_round(method, part, net=None, **options):
    """A client's round with a copy of ``net``."""
    net = copy.deepcopy(net or network(part.facts, 0))
    config = FedConfig(method=method, clients=2, per_class=2)
    return LocalRound(**{"config": config, "client": 0, "round": 1, "part": part, "net": net, "lr": 0.1, **options})


def fitted(local):
    """The same round after the method's training."""
    method_of(local.config).fit(local)
    return local


def by_hand(method, parts, net, rounds):
    """Rounds of all clients from ``net`` and the mean of what they send back; the rounds of each client."""
    config = FedConfig(method=method)
    arrays = {**net.state_dict(), **method_of(config).extra_arrays(net)}
    memories, done = [{} for _ in parts], []
    for number in range(1, rounds + 1):
        clients = []
        for client, part in enumerate(parts):
            mine = local_round(method, part, net, client=client, round=number, memory=dict(memories[client]))
            mine.received = {name: arrays[name] for name in net.state_dict()}
            mine.extra_arrays = {name: arrays[name] for name in arrays.keys() - mine.received}
            mine.net.load_state_dict(mine.received)
            fitted(mine)
            memories[client] = mine.memory
            clients.append(mine)
        back = [{**mine.net.state_dict(), **mine.extra_arrays} for mine in clients]
        arrays = {name: torch.stack([b[name] for b in back]).mean(dim=0) for name in arrays}
        done.append(clients)
    return arrays, done


def federate(monkeypatch, folder, config):
    """The server's state after a whole run, and what each client keeps."""
    grids = []

    class Kept(grid.LocalGrid):
        def __init__(self, *args):
            super().__init__(*args)
            grids.append(self)

    monkeypatch.setattr(grid, "LocalGrid", Kept)
    run_in_process(server, client_app.app, config.run_config(), config.clients)
    kept = [c.state.array_records.get("memory") for c in grids[0].contexts.values()]
    return ServerState.read(folder, config), [dict(k.to_torch_state_dict()) if k else {} for k in kept]
