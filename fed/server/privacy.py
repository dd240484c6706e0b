r"""Differential privacy of clients with Flower's accountant, and the epsilon spent.

Updates are clipped to the length C, at the server or at the clients, and the mean of n of them gets Gaussian noise of
deviation :math:`z C / n` (McMahan et al., ICLR 2018, https://arxiv.org/abs/1710.06963). Where a client is left out of a
round, n is the number of the others: the noise on their sum stays what it was. Noise is drawn from the operating
system's entropy, so no seed repeats it. Global virtual images are made from the noisy mean at no further
cost. Not covered are the numbers that clients send: scores, losses, seconds, and with --statistics their classes'.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord
from flwr.clientapp.typing import ClientAppCallable
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from flwr.serverapp.strategy.dp_fixed_clipping import DifferentialPrivacyFixedClippingBase
from flwr.supercore.differential_privacy import KEY_CLIPPING_NORM
from flwr.supercore.privacy_accounting import (
    GaussianPrivacyEvent,
    NeighboringRelation,
    PrivacyConfig,
    SamplingMethod,
)
from flwr.supercore.privacy_accounting.rdp_accountant import RdpAccountant

from fed.config import FedConfig
from fed.server.strategy import Federation

DELTA = 1e-5
"""Delta at which epsilon is reported."""


class NoisyMean(DifferentialPrivacyFixedClippingBase):
    """Flower's fixed clipping, with noise that no seed repeats, over the sampled clients that have replied.

    Flower's own wrappers draw from numpy's global generator, drop the round if one client fails, and divide by the
    length of an update, which may be 0.

    Args:
        strategy: averages the updates.
        config: the federation.
        accountant: adds up the epsilon of rounds.
    """

    def __init__(self, strategy: Federation, config: FedConfig, accountant: RdpAccountant):
        super().__init__(strategy, config.dp_noise, config.dp_clip, strategy.num_sampled, accountant=accountant)
        self.at_server = config.dp_side == "server"
        self.sent = ArrayRecord()

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """As the strategy does; clients that clip their own updates get the norm."""
        self.sent = arrays
        more = {} if self.at_server else {KEY_CLIPPING_NORM: self.clipping_norm}
        messages = self.strategy.configure_train(server_round, arrays, ConfigRecord({**config, **more}), grid)
        return self._prepare_accounting(server_round, messages)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Clip, average, add noise, account for it."""
        event = self._pop_pending_event(server_round)
        came = [reply for reply in replies if reply.has_content()]
        self._validate_uniform_weights(came)
        if self.at_server:
            for reply in came:
                reply.content["arrays"] = clip(reply.content.array_records["arrays"], self.sent, self.clipping_norm)
        arrays, metrics = self.strategy.aggregate_train(server_round, came)
        if arrays is not None:
            arrays = noisy(arrays, self.noise_multiplier * self.clipping_norm / len(came))
            self._compose_release(event)
        return arrays, metrics


def wrapped(strategy: Federation, config: FedConfig) -> Strategy:
    """The strategy, with noise if the config has any; earlier rounds are accounted for."""
    if not config.dp_noise:
        return strategy
    accountant = RdpAccountant(
        PrivacyConfig(
            target_delta=DELTA,
            population_size=len(strategy.nodes),
            neighboring_relation=NeighboringRelation.ADD_OR_REMOVE_ONE,
            sampling_method=SamplingMethod.NO_AMPLIFICATION,
        )
    )
    if strategy.state.releases:
        event = GaussianPrivacyEvent(config.dp_noise, strategy.num_sampled, len(strategy.nodes))
        accountant.compose(event, strategy.state.releases)
    return NoisyMean(strategy, config, accountant)


def spent(strategy: Strategy) -> dict[str, float] | None:
    """Epsilon and delta of all rounds together; ``None`` without noise."""
    if isinstance(strategy, Federation):
        return None
    made = strategy.privacy_spent()  # type: ignore[attr-defined]
    return {"epsilon": made.epsilon, "delta": made.delta, "releases": made.num_releases}


def clip_update(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Clip a client's update where the server sends a norm."""
    reply = call_next(message, context)
    norm = message.content.config_records.get("config", ConfigRecord()).get(KEY_CLIPPING_NORM)
    if norm is not None and reply.has_content():
        arrays, sent = reply.content.array_records["arrays"], message.content.array_records["arrays"]
        reply.content["arrays"] = clip(arrays, sent, float(cast(float, norm)))
    return reply


def clip(arrays: ArrayRecord, sent: ArrayRecord, norm: float) -> ArrayRecord:
    """Arrays whose difference from the sent ones is clipped to ``norm``.

    Args:
        arrays: after training.
        sent: before it, of the same names.
        norm: largest length of the difference of all arrays together.

    Example:
        >>> sent, arrays = (ArrayRecord({"w": Array(np.array(v, np.float32))}) for v in ([0, 0], [3, 4]))
        >>> clip(arrays, sent, 1.0)["w"].numpy().round(3).tolist()
        [0.6000000238418579, 0.800000011920929]
    """
    before = {name: array.numpy() for name, array in sent.items()}
    change = {name: arrays[name].numpy() - before[name] for name in before}
    length = math.sqrt(sum(float(np.square(value.astype(np.float64)).sum()) for value in change.values()))
    # An update of length 0 stays.
    share = min(1.0, norm / length) if length else 1.0
    values = {name: (old + change[name] * share).astype(old.dtype) for name, old in before.items()}
    return ArrayRecord({name: Array(np.asarray(value)) for name, value in values.items()})


def noisy(arrays: ArrayRecord, deviation: float) -> ArrayRecord:
    """Arrays with Gaussian noise from a generator of its own, which the operating system seeds at every call."""
    draws = np.random.default_rng()
    values = {name: array.numpy() for name, array in arrays.items()}
    made = {
        name: (value + draws.normal(0, deviation, value.shape)).astype(value.dtype) for name, value in values.items()
    }
    return ArrayRecord({name: Array(np.asarray(value)) for name, value in made.items()})
