r"""Differential privacy of clients by Flower's own wrappers, and the epsilon that they have spent.

Updates are cut to the length C, at the server or at the clients, and the mean of n of them gets Gaussian noise of
deviation :math:`z C / n` (McMahan et al., ICLR 2018, https://arxiv.org/abs/1710.06963). Global virtual images are made
from the noisy mean, which costs nothing more. Not covered are the numbers that clients tell: scores, losses, seconds,
and their statistics of classes where these are asked for.
"""

from __future__ import annotations

from flwr.app import Context, Message
from flwr.clientapp.mod import fixedclipping_mod
from flwr.clientapp.typing import ClientAppCallable
from flwr.serverapp.strategy import (
    DifferentialPrivacyClientSideFixedClipping,
    DifferentialPrivacyServerSideFixedClipping,
    Strategy,
)
from flwr.supercore.differential_privacy import KEY_CLIPPING_NORM
from flwr.supercore.privacy_accounting import (
    GaussianPrivacyEvent,
    NeighboringRelation,
    PrivacyConfig,
    SamplingMethod,
)
from flwr.supercore.privacy_accounting.rdp_accountant import RdpAccountant

from fed.config import FedConfig
from fed.strategy import Federation

DELTA = 1e-5
"""At which epsilon is told."""
SIDES = {
    "server": DifferentialPrivacyServerSideFixedClipping,
    "client": DifferentialPrivacyClientSideFixedClipping,
}


def wrapped(strategy: Federation, config: FedConfig) -> Strategy:
    """The strategy with noise, if the config wants any; rounds that are done already are accounted for.

    A round in which a client fails is lost then: the noise is for the sum over all that were drawn.
    """
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
    if strategy.progress.releases:
        event = GaussianPrivacyEvent(config.dp_noise, strategy.drawn, len(strategy.nodes))
        accountant.compose(event, strategy.progress.releases)
    side = SIDES[config.dp_side]
    return side(strategy, config.dp_noise, config.dp_clip, strategy.drawn, accountant=accountant)


def spent(strategy: Strategy) -> dict[str, float] | None:
    """Epsilon and delta of all rounds together; nothing without noise."""
    if isinstance(strategy, Federation):
        return None
    made = strategy.privacy_spent()  # type: ignore[attr-defined]
    return {"epsilon": made.epsilon, "delta": made.delta, "releases": made.num_releases}


def clipped(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Cut a client's update where the server asks for it."""
    if KEY_CLIPPING_NORM in message.content.config_records.get("config", {}):
        return fixedclipping_mod(message, context, call_next)
    return call_next(message, context)
