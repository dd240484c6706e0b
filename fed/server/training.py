"""Training at the server, where clients only evaluate."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from flwr.app import ArrayRecord

from fed.client.local_training import train
from fed.data.client_data import kind_of
from fed.data.molecules import unpacked
from fed.server.strategy import Federation
from graphdistill.core.randomness import generator


def train_here(
    strategy: Federation,
    evaluate: Callable[[dict[str, torch.Tensor]], dict[int, float]],
    after_round: Callable[[int, ArrayRecord], None],
) -> None:
    """Train at the server on its set, mined or drawn.

    Before each round clients evaluate, as in rounds in which they train. A round takes as many entries as all clients
    together.

    Args:
        strategy: with the state of the federation.
        evaluate: validation scores of a model, by client.
        after_round: called after every round.
    """
    config, state = strategy.config, strategy.state
    held = state.broadcast
    data = unpacked(held) if kind_of(strategy.facts) == "molecules" else (held["x"], held["y"])
    count = config.passes * config.per_class * strategy.facts["classes"] * config.clients
    while state.rounds < config.rounds:
        valid = evaluate(state.arrays)
        state.keep_best(valid, state.arrays, state.rounds)
        net, begun = strategy.model(state.arrays), time.perf_counter()
        draws = generator(config.seed, "server", state.rounds + 1)
        seed = int(torch.randint(2**62, (), generator=draws))
        loss = train(net, data, count, seed, lr=strategy.lr, batch_size=config.batch_size)
        state.add_time("training at the server", time.perf_counter() - begun)
        state.history.append({"round": state.rounds + 1, "loss": loss, "valid before": valid})
        after_round(state.rounds + 1, ArrayRecord(net.state_dict()))
