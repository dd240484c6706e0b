"""The data of a client, of either kind, and the network for them."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor, nn

from graphdistill.core.data.datasets import Metric
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.networks.tree_gnn import GNN
from graphdistill.core.randomness import scoped
from graphdistill.core.training.fit import predict
from graphdistill.core.training.metrics import score
from graphdistill.core.trees.forest import Forest

Pairs = tuple[Tensor, Tensor]
"""Images ``[n, channels, height, width]`` and their classes ``[n]``."""
Entries = tuple[Any, ...]
""":data:`Pairs`; or molecules as a forest, their classes and their weights, float ``[n]``."""
Facts = dict[str, int]
"""The numbers that a network is made from, which are all that a server needs to know of the clients' data."""
Statistics = tuple[Tensor, Tensor]
"""Mean and deviation of the images of each class by channel, float ``[C, channels]`` each."""
UNKNOWN = -1.0
"""In messages, which hold finite numbers only, a score that is undefined since the split lacks a class."""
METRICS: dict[str, tuple[Metric, str]] = {
    "images": ("accuracy", "largest class"),
    "molecules": ("rocauc", "number of nodes"),
}
"""The metric of each kind of data, and its trivial baseline without a model."""


@dataclass(frozen=True)
class ClientData:
    """The data of a client; classes may be missing.

    Attributes:
        name: its domain.
        train, valid, test: images and classes of each split.
        num_classes: of the whole federation.
        metric: of its scores.
    """

    name: str
    train: Entries
    valid: Entries
    test: Entries
    num_classes: int
    metric: Metric = "accuracy"

    @property
    def facts(self) -> Facts:
        """The facts that a network for it is made from."""
        channels, height, width = self.train[0].shape[1:]
        return {"channels": channels, "height": height, "width": width, "classes": self.num_classes}

    @property
    def statistics(self) -> dict[str, float]:
        """Mean and deviation of its images, by class and channel, for the classes that it has."""
        x, y = self.train
        return {
            f"{name}-{label}-{channel}": float(value)
            for label in y.unique().tolist()
            for name, values in zip(
                ("mean", "deviation"), reversed(torch.std_mean(x[y == label], dim=(0, 2, 3))), strict=True
            )
            for channel, value in enumerate(values)
        }

    @property
    def digest(self) -> str:
        """Hash of its training data."""
        made = hashlib.sha256(repr(self.facts).encode())
        _add(made, self.contents(self.train))
        return made.hexdigest()

    def keyed_digest(self, key: bytes) -> str:
        """Hash of all its data; only holders of the key can compare it with the hash of guessed data."""
        made = hmac.new(key, repr(self.facts).encode(), "sha256")
        for entries in (self.train, self.valid, self.test):
            _add(made, self.contents(entries))
        return made.hexdigest()

    def score(self, net: nn.Module, split: str) -> float:
        """Metric of a network on a split; :data:`UNKNOWN` where it is undefined."""
        x, y, *_ = getattr(self, split)
        value = score(predict(net, x), y, self.metric)
        return UNKNOWN if math.isnan(value) else value

    def trivial(self, split: str) -> float:
        """Share of the largest class of the training data in a split."""
        largest = torch.bincount(self.train[1], minlength=self.num_classes).argmax()
        return float((getattr(self, split)[1] == largest).float().mean())

    def tensors(self, entries: Entries) -> dict[str, Tensor]:
        """Entries as tensors by name, to be stored or sent."""
        return dict(zip("xy", entries, strict=True))

    def contents(self, entries: Entries) -> dict[str, Tensor]:
        """Entries as tensors whose hash identifies them."""
        return self.tensors(entries)

    def entries(self, tensors: Mapping[str, Tensor]) -> Entries:
        """Entries from the tensors of :meth:`tensors`."""
        return tensors["x"], tensors["y"]


class LazyClientData(Sequence[ClientData]):
    """The data of all clients, each made on first use, so that a client makes its own alone.

    Args:
        count: number of clients.
        make: makes the data of a client from its number.

    Example:
        >>> made = []
        >>> parts = LazyClientData(3, lambda client: made.append(client) or client)
        >>> len(parts), parts[1], parts[1], made
        (3, 1, 1, [1])
    """

    def __init__(self, count: int, make: Callable[[int], ClientData]):
        self._count, self._make = count, make
        self._made: dict[int, ClientData] = {}

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, client: int) -> ClientData: ...

    @overload
    def __getitem__(self, client: slice) -> list[ClientData]: ...

    def __getitem__(self, client: int | slice) -> ClientData | list[ClientData]:
        if isinstance(client, slice):
            return [self[place] for place in range(*client.indices(len(self)))]
        if not 0 <= client < len(self):
            raise IndexError(f"client {client} of {len(self)}")
        if client not in self._made:
            self._made[client] = self._make(client)
        return self._made[client]


def _add(made: hashlib._Hash | hmac.HMAC, tensors: Mapping[str, Tensor]) -> None:
    """Add tensors to a hash, each with its name, dtype and shape, so that different contents have different hashes."""
    for name, value in tensors.items():
        made.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        made.update(value.contiguous().numpy().tobytes())


def select_entries(entries: Entries, index: Tensor) -> Entries:
    """The entries at ``index``.

    Example:
        >>> select_entries((torch.tensor([5, 6, 7]), torch.tensor([0, 1, 0])), torch.tensor([2]))
        (tensor([7]), tensor([0]))
    """
    return tuple(column.subset(index) if isinstance(column, Forest) else column[index] for column in entries)


def kind_of(facts: Facts) -> str:
    """``images`` or ``molecules``."""
    return "images" if "height" in facts else "molecules"


def network(facts: Facts, seed: int) -> nn.Module:
    """A new network; its weights depend on facts and seed alone."""
    with scoped(seed, "global model"):
        if kind_of(facts) == "molecules":
            # Encoders of OGB's features know their columns; the example values do not matter.
            blank = torch.zeros(1, 9, dtype=torch.long), torch.zeros(1, 3, dtype=torch.long)
            return GNN("GIN", blank, "ogb", facts["classes"], num_layers=facts["layers"], norm="layer")
        return ConvNet((facts["channels"], facts["height"], facts["width"]), facts["classes"])
