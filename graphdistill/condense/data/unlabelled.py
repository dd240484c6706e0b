"""Real training images without labels, each with a target, and the set of images and targets that is learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.condense.data.images import TrainingImages
from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.data.training_data import Kind
from graphdistill.core.evaluation.probe import ProbeProtocol, unlabelled_set
from graphdistill.core.networks.convnet import ConvNet, ConvNetNorm
from graphdistill.core.sets.synthetic import SyntheticSet

TARGETS = "targets"
"""Name of the targets among the learnt tensors."""


class LearnableTargets(LearnableSet):
    """Images and their targets, both learnt.

    Args:
        x: first images, float ``[n, channels, height, width]``; copied.
        targets: first targets, float ``[n, d]``; copied.

    Example:
        >>> synthetic = LearnableTargets(torch.rand(2, 1, 8, 8), torch.zeros(2, 4))
        >>> sorted(synthetic.parameters()), synthetic.freeze().task
        (['targets', 'x'], 'regression')
    """

    def __init__(self, x: Tensor, targets: Tensor):
        super().__init__(x, torch.zeros(len(x), dtype=torch.long, device=x.device))
        self.extra[TARGETS] = targets.detach().clone().requires_grad_()

    @property
    def labels(self) -> Tensor:
        """The targets, with gradients."""
        return self.extra[TARGETS]

    @staticmethod
    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(outputs, labels)

    @torch.no_grad()
    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The set as it is stored: 8 bits a pixel, targets in multiples of 1/16."""
        return unlabelled_set(self.x, self.labels, meta)


class UnlabelledImages(TrainingImages):
    """Training images and their targets; as far as classes are concerned there is one.

    Args:
        x: float ``[n, channels, height, width]`` from 0 to 1.
        targets: of each image, float ``[n, d]``.
        encoder: the network that they are outputs of.
    """

    KIND: ClassVar[Kind] = "unlabelled images"
    MOVED: ClassVar[tuple[str, ...]] = ("x", "targets", "encoder")

    def __init__(self, x: Tensor, targets: Tensor, encoder: nn.Module):
        super().__init__(x, torch.zeros(len(x), dtype=torch.long), 1)
        self.targets, self.encoder = targets, encoder

    @classmethod
    def of_probe(cls, protocol: ProbeProtocol) -> Self:
        """The training split."""
        return cls(protocol.split("train")[0], protocol.targets, protocol.encoder.cpu())

    def network(self, norm: ConvNetNorm = "instance") -> ConvNet:
        """A ConvNet with as many outputs as a target has numbers."""
        return ConvNet(self.shape, self.targets.shape[1], norm=norm).to(self.device)

    def init_from(self, index: Tensor, logits: Tensor | None = None) -> LearnableTargets:
        """Images and targets to learn."""
        return LearnableTargets(self.x[index], self.targets[index])

    def select(self, index: Tensor) -> SyntheticSet:
        """Images in 8 bits a pixel, and their targets."""
        return unlabelled_set(self.x[index], self.targets[index])
