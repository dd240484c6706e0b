"""What a client holds, of whatever kind, and the network that reads it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphdistill.core.convnet import ConvNet
from graphdistill.core.data import Metric
from graphdistill.core.fit import predict
from graphdistill.core.metrics import score
from graphdistill.core.randomness import scoped

Pairs = tuple[Tensor, Tensor]
"""Images ``[n, channels, height, width]`` and their classes ``[n]``."""
Facts = dict[str, int]
"""What a network is made from, in numbers: all that a server need know of what clients hold."""
Statistics = tuple[Tensor, Tensor]
"""Mean and deviation of the images of each class by channel, float ``[C, channels]`` each."""


@dataclass(frozen=True)
class Part:
    """What a client holds; classes may be missing.

    Attributes:
        name: its domain.
        train, valid, test: images and classes of each split.
        num_classes: of the whole federation.
    """

    name: str
    train: Pairs
    valid: Pairs
    test: Pairs
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
        for value in self.train:
            made.update(value.contiguous().numpy().tobytes())
        return made.hexdigest()

    def score(self, net: nn.Module, split: str) -> float:
        """Metric of a network on a split."""
        x, y = getattr(self, split)
        return score(predict(net, x), y, self.metric)

    def trivial(self, split: str) -> float:
        """Share of a split that the largest class of the training data makes up."""
        largest = torch.bincount(self.train[1], minlength=self.num_classes).argmax()
        return float((getattr(self, split)[1] == largest).float().mean())


def network(facts: Facts, seed: int) -> ConvNet:
    """A fresh network; its weights depend on facts and seed alone."""
    with scoped(seed, "global model"):
        return ConvNet((facts["channels"], facts["height"], facts["width"]), facts["classes"])
