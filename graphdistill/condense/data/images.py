"""Real training images."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from graphdistill.condense.data.learnable import LearnableSet, frozen
from graphdistill.condense.data.training_data import Kind, TrainingData
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.networks.convnet import ConvNet, ConvNetNorm
from graphdistill.core.sets.synthetic import SyntheticSet


class TrainingImages(TrainingData):
    """Training images and their classes.

    Args:
        x: float ``[n, channels, height, width]`` from 0 to 1.
        y: class of each, long ``[n]``.
        num_classes: number C of classes.

    Example:
        >>> import torch
        >>> real = TrainingImages(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 1, 1]), 2)
        >>> real.counts.tolist(), real.sample(2, torch.Generator().manual_seed(0))[1].tolist()
        ([1, 3], [0, 1, 1])
    """

    KIND: ClassVar[Kind] = "images"
    MOVED: ClassVar[tuple[str, ...]] = ("x",)

    def __init__(self, x: Tensor, y: Tensor, num_classes: int):
        super().__init__(y, num_classes)
        self.x = x

    @classmethod
    def of(cls, protocol: ImageProtocol) -> TrainingImages:
        """The training split."""
        return cls(*protocol.split("train"), protocol.num_classes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.x.shape[1:]
        return channels, height, width

    def inputs(self, index: Tensor) -> Tensor:
        """Images."""
        return self.x[index]

    def flat(self) -> Tensor:
        """Pixels."""
        return self.x.flatten(1)

    def network(self, norm: ConvNetNorm = "instance") -> ConvNet:
        """A ConvNet."""
        return ConvNet(self.shape, self.num_classes, norm=norm).to(self.device)

    def init_from(self, index: Tensor, logits: Tensor | None = None) -> LearnableSet:
        """Images to learn."""
        return LearnableSet(self.x[index], self.y[index], logits)

    def select(self, index: Tensor) -> SyntheticSet:
        """Images in 8 bits a pixel."""
        return frozen(self.x[index], self.y[index])
