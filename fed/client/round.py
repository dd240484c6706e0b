"""A client's round as a method sees it, independent of Flower."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fed.client import virtual_data as virtual
from fed.client.local_training import PLAIN, LossTerms, train
from fed.config import FedConfig
from fed.data.client_data import ClientData, Entries, select_entries
from fed.data.molecules import Molecules
from graphdistill.core.randomness import generator

VIRTUAL = "virtual."
"""Prefix of the names of virtual data in a client's memory."""


@dataclass
class LocalRound:
    """The state of a client in a round.

    Attributes:
        config: the federation.
        client: number of the client.
        round: number of the round, from 1.
        part: its data.
        net: the global model, to be trained in place.
        lr: learning rate of SGD.
        memory: tensors that the client keeps from round to round, by name; a method may add to them.
        broadcast: tensors that the server has sent to all clients.
        received: the global model as received, by name; in ``net`` some of it may be replaced by the client's own.
        extra_arrays: arrays that travel with the model; those that a method puts here are sent back, in place of the
            model's where they have the same name.
        share: of the clients that take part in the round.
        save: stores tensors by the number of the round, with 0 for those made before the first.
        device: device of the training; outside of it all tensors are on the CPU.
        virtual_seconds: spent on virtual data.
    """

    config: FedConfig
    client: int
    round: int
    part: ClientData
    net: nn.Module
    lr: float
    memory: dict[str, Tensor] = field(default_factory=dict)
    broadcast: dict[str, Tensor] = field(default_factory=dict)
    received: dict[str, Tensor] = field(default_factory=dict)
    extra_arrays: dict[str, Tensor] = field(default_factory=dict)
    share: float = 1.0
    save: Callable[[int, dict[str, Tensor]], None] = lambda rounds, tensors: None
    device: torch.device | str = "cpu"
    virtual_seconds: float = 0.0

    def seed(self, *purpose: object) -> int:
        """A seed of this client's own for a purpose."""
        draws = generator(self.config.seed, "client", self.client, *purpose)
        return int(torch.randint(2**62, (), generator=draws))

    @property
    def budget(self) -> int:
        """Entries of a round on anything but all real data: a multiple of the virtual data of all classes."""
        return self.config.passes * self.config.per_class * self.part.num_classes

    def data(self) -> tuple[Entries, int]:
        """The data that the round trains on, and the number of entries that it takes."""
        count = len(self.part.train[1])
        if self.config.training_data == "virtual":
            return self.virtual(), self.budget
        if self.config.training_data == "subset":
            draws = generator(self.seed(self.round), "subset")
            index = torch.randperm(count, generator=draws)[: self.budget]
            return select_entries(self.part.train, index), self.budget
        return self.part.train, count

    def virtual(self, *, group_size: int | None = None) -> Entries:
        """The client's virtual data, made on first use.

        Args:
            group_size: as of :func:`fed.client.virtual_data.warm_up`.
        """
        if "virtual.y" not in self.memory:
            part, config = self.part, self.config
            with self.making():
                if isinstance(part, Molecules):
                    made = part.mined(config.support, config.per_class)
                else:
                    made = virtual.warm_up(
                        part.train,
                        config.per_class,
                        self.seed("warm-up"),
                        config.warm_up_steps,
                        batch=config.match_batch,
                        group_size=group_size,
                        device=self.device,
                    )
            self.memory |= {VIRTUAL + name: value for name, value in part.tensors(made).items()}
            self.save(0, self.memory)
        kept = {name.removeprefix(VIRTUAL): value for name, value in self.memory.items() if name.startswith(VIRTUAL)}
        return self.part.entries(kept)

    @contextlib.contextmanager
    def making(self) -> Iterator[None]:
        """Add the time of the block to that of virtual data."""
        begun = time.perf_counter()
        yield
        self.virtual_seconds += time.perf_counter() - begun

    @contextlib.contextmanager
    def on_device(self) -> Iterator[nn.Module]:
        """The network on the device in the block, and back on the CPU after it."""
        try:
            yield self.net.to(self.device)
        finally:
            self.net.cpu()

    def train(self, data: Entries, count: int, terms: LossTerms = PLAIN) -> float:
        """Train the network on ``count`` entries of ``data`` and return the mean loss."""
        seed, config = self.seed(self.round), self.config
        with self.on_device() as net:
            return train(net, data, count, seed, terms, lr=self.lr, batch_size=config.batch_size)
