"""What a method of federated learning may do at a client and at the server, and what it does by default."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Generic, TypeVar

from torch import Tensor, nn

from fed.client.round import LocalRound
from fed.config import FedConfig
from fed.data.client_data import Facts, Statistics
from fed.methods import FAMILY
from graphdistill.core.methods import MethodConfig

Config = TypeVar("Config", bound=MethodConfig)


class Algorithm(ABC, Generic[Config]):
    """Base of all methods.

    An instance keeps no state, since clients and the server make their own for every message.

    Args:
        options: the method's own config.

    Attributes:
        merges: whether federated Mirage runs first and its result is broadcast.
        keyed: whether clients need the key that they share and the server does not know.
        sums_gradients: whether the server minimises a convex loss by :mod:`fed.trees.driver` in place of rounds.
    """

    merges: ClassVar[bool] = False
    keyed: ClassVar[bool] = False
    sums_gradients: ClassVar[bool] = False

    def __init__(self, options: Config):
        self.options = options

    @abstractmethod
    def fit(self, local: LocalRound) -> float:
        """A client's round: train ``local.net`` in place and return the mean loss."""

    def personalise(self, net: nn.Module, memory: Mapping[str, Tensor], rounds: int) -> nn.Module:
        """The global model after ``rounds`` rounds with the parameters that the client keeps for itself."""
        return net

    def extra_arrays(self, net: nn.Module) -> dict[str, Tensor]:
        """Initial arrays that travel with the model in both directions and are averaged like it."""
        return {}

    def first_broadcast(self, config: FedConfig, facts: Facts, statistics: Statistics | None) -> dict[str, Tensor]:
        """Tensors at the server before the first round; clients get them once :meth:`next_broadcast` changes them.

        Args:
            config: the federation.
            facts: what networks are made from.
            statistics: mean and deviation of each class's images, if clients send them.
        """
        return {}

    def next_broadcast(
        self, rounds: int, old: nn.Module, new: nn.Module, broadcast: dict[str, Tensor], lr: float
    ) -> dict[str, Tensor]:
        """Tensors for all clients after a round; returning ``broadcast`` itself means that nothing changed.

        Args:
            rounds: number of the round.
            old: the global model before the round.
            new: the global model after it.
            broadcast: the tensors so far.
            lr: learning rate of the clients.
        """
        return broadcast


def method_of(config: FedConfig) -> Algorithm[MethodConfig]:
    """The method that a config names, with its options.

    Example:
        >>> type(method_of(FedConfig(method="fedavg"))).__module__
        'fed.methods.fedavg'
    """
    made: Algorithm[MethodConfig] = FAMILY.module(config.method).Method(FAMILY.config(config.method))
    return made


def lr_of(config: FedConfig) -> float:
    """The learning rate that a method has by default on images."""
    found: float = FAMILY.module(config.method).LR
    return found
