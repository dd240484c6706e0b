"""What a client holds, of whatever kind, and the network that reads it."""

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
""":data:`Pairs`; or molecules as a forest, their classes, and what each counts for, float ``[n]``."""
Facts = dict[str, int]
"""What a network is made from, in numbers: all that a server need know of what clients hold."""
Statistics = tuple[Tensor, Tensor]
"""Mean and deviation of the images of each class by channel, float ``[C, channels]`` each."""
UNKNOWN = -1.0
"""Stands in messages for a score that a split without some class cannot give; they hold finite numbers only."""
METRICS: dict[str, tuple[Metric, str]] = {
    "images": ("accuracy", "largest class"),
    "molecules": ("rocauc", "number of nodes"),
}
"""Of each kind of data, the metric and what it is reached by without a model."""


@dataclass(frozen=True)
class ClientData:
    """What a client holds; classes may be missing.

    Attributes:
        name: its domain.
        train, valid, test: images and classes of each split.
        num_classes: of the whole federation.
        metric: what it is judged by.
    """

    name: str
    train: Entries
    valid: Entries
    test: Entries
    num_classes: int
    metric: Metric = "accuracy"

    @property
    def facts(self) -> Facts:
        """What a network for it is made from."""
        channels, height, width = self.train[0].shape[1:]
        return {"channels": channels, "height": height, "width": width, "classes": self.num_classes}

    @property
    def statistics(self) -> dict[str, float]:
        """Mean and deviation of its images, by class and channel; nothing of classes that it has not."""
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
        _add(made, self.tensors(self.train))
        return made.hexdigest()

    def keyed_digest(self, key: bytes) -> str:
        """Hash of all its data, which only holders of the key can compare with that of data that they guess."""
        made = hmac.new(key, repr(self.facts).encode(), "sha256")
        for entries in (self.train, self.valid, self.test):
            _add(made, self.tensors(entries))
        return made.hexdigest()

    def score(self, net: nn.Module, split: str) -> float:
        """Metric of a network on a split; :data:`UNKNOWN` where that lacks what the metric needs."""
        x, y, *_ = getattr(self, split)
        value = score(predict(net, x), y, self.metric)
        return UNKNOWN if math.isnan(value) else value

    def trivial(self, split: str) -> float:
        """Share of a split that the largest class of the training data makes up."""
        largest = torch.bincount(self.train[1], minlength=self.num_classes).argmax()
        return float((getattr(self, split)[1] == largest).float().mean())

    def tensors(self, entries: Entries) -> dict[str, Tensor]:
        """Entries as they are kept and sent, by name."""
        return dict(zip("xy", entries, strict=True))

    def entries(self, tensors: Mapping[str, Tensor]) -> Entries:
        """Undo :meth:`tensors`."""
        return tensors["x"], tensors["y"]


class LazyClientData(Sequence[ClientData]):
    """What all clients hold; a part is made when it is first asked for, so a client makes its own alone.

    Args:
        count: number of clients.
        make: the part of a client, by its number.

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
    """Add tensors to a hash, each with its name, dtype and shape, so that no two contents run into one another."""
    for name, value in tensors.items():
        made.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        made.update(value.contiguous().numpy().tobytes())


def select_entries(entries: Entries, rows: Tensor) -> Entries:
    """Those numbered ``rows``.

    Example:
        >>> select_entries((torch.tensor([5, 6, 7]), torch.tensor([0, 1, 0])), torch.tensor([2]))
        (tensor([7]), tensor([0]))
    """
    return tuple(column.subset(rows) if isinstance(column, Forest) else column[rows] for column in entries)


def kind_of(facts: Facts) -> str:
    """``images`` or ``molecules``."""
    return "images" if "height" in facts else "molecules"


def network(facts: Facts, seed: int) -> nn.Module:
    """A fresh network; its weights depend on facts and seed alone."""
    with scoped(seed, "global model"):
        if kind_of(facts) == "molecules":
            # Encoders of OGB's features know their columns; what they are shown counts for nothing.
            blank = torch.zeros(1, 9, dtype=torch.long), torch.zeros(1, 3, dtype=torch.long)
            return GNN("GIN", blank, "ogb", facts["classes"], num_layers=facts["layers"], norm="layer")
        return ConvNet((facts["channels"], facts["height"], facts["width"]), facts["classes"])
