"""A client's round as a method sees it, without a word of Flower."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fed.client import virtual_data as virtual
from fed.client.local_training import PLAIN, Terms, train
from fed.config import FedConfig
from fed.data.client_data import Entries, Part, pick
from fed.data.molecules import Molecules
from graphdistill.core.randomness import generator

VIRTUAL = "virtual."
"""What names of virtual data in a client's memory begin with."""


@dataclass
class Turn:
    """All that a client has in a round.

    Attributes:
        config: the federation.
        client: number of the client.
        round: number of the round, from 1.
        part: its data.
        net: the global model, to be trained in place.
        rate: step size of SGD.
        memory: what it keeps from round to round, by name; a method may add to it.
        shared: what the server has sent to all clients.
        received: the global model as it came, by name; ``net`` has what is the client's own in place of some of it.
        beside: what came beside the model; what goes back beside it, or in place of some of it, once it is replaced.
        share: of the clients that take part in the round.
        save: writes down what is kept, by the number of the round; 0 for what was made before the first.
        virtual_seconds: spent on virtual data.
    """

    config: FedConfig
    client: int
    round: int
    part: Part
    net: nn.Module
    rate: float
    memory: dict[str, Tensor] = field(default_factory=dict)
    shared: dict[str, Tensor] = field(default_factory=dict)
    received: dict[str, Tensor] = field(default_factory=dict)
    beside: dict[str, Tensor] = field(default_factory=dict)
    share: float = 1.0
    save: Callable[[int, dict[str, Tensor]], None] = lambda rounds, tensors: None
    virtual_seconds: float = 0.0

    def seed(self, *purpose: object) -> int:
        """A seed of this client's own for a purpose."""
        draws = generator(self.config.seed, "client", self.client, *purpose)
        return int(torch.randint(2**62, (), generator=draws))

    @property
    def budget(self) -> int:
        """Entries of a round of methods that see a part of the data only: twice the size of the virtual data."""
        return 2 * self.once

    @property
    def once(self) -> int:
        """Virtual data of a client that has all classes."""
        return self.config.per_class * self.part.num_classes

    def data(self) -> tuple[Entries, int]:
        """What the method's name says that it is trained on, and how many entries a round takes."""
        count = len(self.part.train[1])
        if self.config.material == "virtual":
            return self.virtual(), self.budget
        if self.config.material == "subset":
            draws = generator(self.seed(self.round), "subset")
            rows = torch.randperm(count, generator=draws)[: self.budget]
            return pick(self.part.train, rows), self.budget
        return self.part.train, count

    def virtual(self, *, groups: bool = False) -> Entries:
        """The client's virtual data, made the first time that they are asked for.

        Args:
            groups: as of :func:`fed.client.virtual_data.warm_up`.
        """
        if "virtual.y" not in self.memory:
            part, config = self.part, self.config
            with self.making():
                if isinstance(part, Molecules):
                    made = part.mined(config.support, config.per_class)
                else:
                    made = virtual.warm_up(part.train, config.per_class, self.seed("warm-up"), groups=groups)
            self.memory |= {VIRTUAL + name: value for name, value in part.tensors(made).items()}
            self.save(0, self.memory)
        kept = {name.removeprefix(VIRTUAL): value for name, value in self.memory.items() if name.startswith(VIRTUAL)}
        return self.part.entries(kept)

    @contextlib.contextmanager
    def making(self) -> Iterator[None]:
        """Count the time of what is done within as that of virtual data."""
        begun = time.perf_counter()
        yield
        self.virtual_seconds += time.perf_counter() - begun

    def train(self, data: Entries, count: int, terms: Terms = PLAIN) -> float:
        """Train the network on ``count`` entries of ``data`` and return the mean loss."""
        return train(self.net, data, count, self.seed(self.round), terms, self.rate)
