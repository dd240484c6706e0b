"""Rounds of a method, one at a time or as a whole federation."""

import copy

import torch

from fed import client_app
from fed.client.round import Turn
from fed.config import FedConfig
from fed.data.client_data import network
from fed.methods import method_of
from fed.runtime import in_process as grid
from fed.runtime.in_process import run_in_process
from fed.server.state import Progress
from fed.server_app import app as server


def turn(method, part, net=None, **options):
    """A client's turn with a copy of ``net``."""
    net = copy.deepcopy(net or network(part.facts, 0))
    config = FedConfig(method=method, clients=2, per_class=2)
    return Turn(**{"config": config, "client": 0, "round": 1, "part": part, "net": net, "rate": 0.1, **options})


def by_hand(method, parts, net, rounds):
    """Rounds of all clients from ``net`` and the mean of what they send back; the turns of each round."""
    arrays = {**net.state_dict(), **method_of(method).beside(net)}
    memories, done = [{} for _ in parts], []
    for number in range(1, rounds + 1):
        turns = []
        for client, part in enumerate(parts):
            mine = turn(method, part, net, client=client, round=number, memory=dict(memories[client]))
            mine.received = {name: arrays[name] for name in net.state_dict()}
            mine.beside = {name: arrays[name] for name in arrays.keys() - mine.received}
            mine.net.load_state_dict(mine.received)
            method_of(method).fit(mine)
            memories[client] = mine.memory
            turns.append(mine)
        back = [{**mine.net.state_dict(), **mine.beside} for mine in turns]
        arrays = {name: torch.stack([b[name] for b in back]).mean(dim=0) for name in arrays}
        done.append(turns)
    return arrays, done


def federate(monkeypatch, folder, config):
    """Where the server stands after a whole run, and what each client keeps."""
    grids = []

    class Kept(grid.LocalGrid):
        def __init__(self, *args):
            super().__init__(*args)
            grids.append(self)

    monkeypatch.setattr(grid, "LocalGrid", Kept)
    run_in_process(server, client_app.app, config.run_config(), config.clients)
    kept = [c.state.array_records.get("memory") for c in grids[0].contexts.values()]
    return Progress.read(folder, config), [dict(k.to_torch_state_dict()) if k else {} for k in kept]
