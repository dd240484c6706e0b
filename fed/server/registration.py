"""Registration of clients: each registers once, and later replies are checked against it."""

from __future__ import annotations

import logging
import time
from collections import Counter

from flwr.app import RecordDict

from fed.config import FedConfig
from fed.data.client_data import Facts
from fed.server.guard import Guard, numbers_of
from fed.server.replies import REGISTER, Registration

LOG = logging.getLogger("fed")
PATIENCE = 120.0
"""Seconds that clients have to connect."""


def register(guard: Guard, config: FedConfig) -> tuple[FedConfig, Facts]:
    """Wait for all clients, and register those that can take part with the guard.

    A client whose data have another shape than those of most clients, or that has another's number, is left out.

    Args:
        guard: the grid.
        config: the federation.

    Returns:
        The config, with the number of clients of a simulation if the config has the default; and the facts that
        networks are made from.

    Raises:
        RuntimeError: too few clients connected, all of them failed, or no shape of data is that of most.
        ValueError: a simulation has another number of nodes than the config has clients.
    """
    known: dict[int, Registration | None] = {}
    until = time.monotonic() + PATIENCE
    while True:
        nodes = sorted(guard.get_node_ids())
        if new := [node for node in nodes if node not in known]:
            known |= {**dict.fromkeys(new), **_registrations(guard, new)}
        counts = {one.nodes for one in known.values() if one is not None}
        # All nodes of a simulation are there from the start, and each knows their number.
        simulated = counts == {len(nodes)} and len(nodes) != config.clients
        if simulated or len(nodes) >= config.clients:
            break
        if time.monotonic() > until:
            raise RuntimeError(
                f"{len(nodes)} of {config.clients} clients have connected after {PATIENCE:.0f} s; start the others, "
                "or give fewer --clients"
            )
        time.sleep(0.5)
    if simulated:
        LOG.info(
            "Flower simulates %d nodes, so there are as many clients; for %d give flwr run --federation-config "
            "'num-supernodes=%d'",
            len(nodes),
            config.clients,
            config.clients,
        )
        config = guard.config = config.on_nodes(len(nodes))
    registered = {node: one for node, one in known.items() if one is not None}
    if not registered:
        raise RuntimeError(f"all {len(nodes)} clients failed: {'; '.join(guard.refused)}")
    registered = _same_key(guard, _alike(guard, registered))
    guard.registered = _distinct(guard, registered, config)
    return config, next(iter(guard.registered.values())).facts


def _registrations(guard: Guard, nodes: list[int]) -> dict[int, Registration]:
    """Registrations by node; the guard logs those that fail."""
    try:
        replies = guard.query(REGISTER, RecordDict(), nodes)
    except RuntimeError:
        # All of these failed, but others may still connect.
        return {}
    found = {}
    for reply in replies:
        if reply.has_content():
            numbers = {name: int(value) for name, value in numbers_of(reply.content).items()}
            facts = reply.content.config_records["facts"]
            client, examples, count = (numbers.pop(name) for name in ("client", "num-examples", "nodes"))
            name, data, key = (str(facts.get(what, "")) for what in ("name", "data", "key"))
            found[reply.metadata.src_node_id] = Registration(client, name, examples, numbers, count, data, key)
    return found


def _alike(guard: Guard, known: dict[int, Registration]) -> dict[int, Registration]:
    """Clients whose data have the most frequent shape."""
    shapes = Counter(tuple(sorted(one.facts.items())) for one in known.values())
    usual, count = shapes.most_common(1)[0]
    if len(shapes) > 1 and 2 * count <= len(known):
        raise RuntimeError(
            f"clients hold data of different shapes and classes: {sorted(shapes)}, and no shape is that of most; "
            "start clients whose data have one shape"
        )
    for node, one in known.items():
        if one.facts != dict(usual):
            guard.leave_out(node, f"its data have {one.facts}, those of most clients {dict(usual)}")
    return {node: one for node, one in known.items() if one.facts == dict(usual)}


def _same_key(guard: Guard, known: dict[int, Registration]) -> dict[int, Registration]:
    """Clients with the most frequent key for federated Mirage."""
    keys = Counter(one.key for one in known.values())
    usual, count = keys.most_common(1)[0]
    advice = "copy the mirage.key of one client to all others, or name it by mirage-key in their --node-config"
    if len(keys) > 1 and 2 * count <= len(known):
        raise RuntimeError(f"clients have {len(keys)} different keys for federated Mirage; {advice}")
    for node, one in known.items():
        if one.key != usual:
            guard.leave_out(node, f"its key for federated Mirage is not that of most clients; {advice}")
    return {node: one for node, one in known.items() if one.key == usual}


def _distinct(guard: Guard, known: dict[int, Registration], config: FedConfig) -> dict[int, Registration]:
    """Clients with a number of the federation, each number once, in order."""
    owner: dict[int, int] = {}
    for node, one in sorted(known.items()):
        if not 0 <= one.client < config.clients:
            guard.leave_out(node, f"partition-id {one.client} is beyond --clients {config.clients}")
        elif one.client in owner:
            guard.leave_out(
                node, f"node {owner[one.client]} has partition-id {one.client} already; give it one of its own"
            )
        else:
            owner[one.client] = node
    if not owner:
        raise RuntimeError(f"no client can take part: {'; '.join(guard.refused)}")
    return {owner[client]: known[owner[client]] for client in sorted(owner)}
