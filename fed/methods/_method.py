"""What a method of federated learning may do at a client and at the server, and what it does if it says nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from fed.client.round import Turn
from fed.config import FedConfig
from fed.data.client_data import Facts, Statistics


class Algorithm(ABC):
    """A method; instances hold nothing, for clients and server make their own.

    Attributes:
        paper: authors, venue, year, address.
        rate: step size of SGD where the user names none, by validation on digit domains.
        kinds: what it works on.
        variants: what ``--method`` takes after the method's name and a hyphen: other data to train on, or who trains.
        merges: whether federated Mirage comes first, and what it finds is shared.
    """

    paper: ClassVar[str]
    rate: ClassVar[float] = 0.1
    kinds: ClassVar[tuple[str, ...]] = ("images", "molecules")
    variants: ClassVar[tuple[str, ...]] = ("subset", "virtual")
    merges: ClassVar[bool] = False

    @abstractmethod
    def fit(self, turn: Turn) -> float:
        """A client's round: train ``turn.net`` in place and return the mean loss."""

    def personalise(self, net: nn.Module, memory: Mapping[str, Tensor], rounds: int) -> nn.Module:
        """A global model of ``rounds`` rounds with what is the client's own."""
        return net

    def beside(self, net: nn.Module) -> dict[str, Tensor]:
        """Arrays that travel with the model both ways and are averaged like it, as they are at first."""
        return {}

    def begin(self, config: FedConfig, facts: Facts, statistics: Statistics | None) -> dict[str, Tensor]:
        """What the server holds before the first round; clients get it once :meth:`after` has changed it.

        Args:
            config: the federation.
            facts: what networks are made from.
            statistics: of the classes' images, if clients were to tell.
        """
        return {}

    def after(
        self, rounds: int, old: nn.Module, new: nn.Module, shared: dict[str, Tensor], rate: float
    ) -> dict[str, Tensor]:
        """What all clients get after a round that led from one model to the other; ``shared`` itself is no news."""
        return shared
