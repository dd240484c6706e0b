"""Base of real training data of any kind: sampling by class, first sets, selections and networks."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.core.data.tensors import to_device
from graphdistill.core.networks.convnet import ConvNetNorm
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import Inputs

Kind = Literal["images", "unlabelled images", "nodes", "graphs", "rows"]


class TrainingData(ABC):
    """Training data of one kind with their classes, and the device of inputs, labels and networks.

    Indices of entries are on the CPU, where they are drawn.

    Args:
        y: class of each entry, long ``[n]``.
        num_classes: number C of classes.

    Raises:
        ValueError: a class has no entry.
    """

    KIND: ClassVar[Kind]
    MOVED: ClassVar[tuple[str, ...]]
    """Names of the attributes that are on the device, besides ``y``."""

    def __init__(self, y: Tensor, num_classes: int):
        self.y, self.num_classes = y, num_classes
        y = y.cpu()
        self.counts = torch.bincount(y, minlength=num_classes)
        for label in (self.counts == 0).nonzero().view(-1).tolist():
            raise ValueError(
                f"class {label} of 0 to {num_classes - 1} has none of the training {self.KIND}; "
                f"number classes from 0 without gaps"
            )
        self.members = [(y == label).nonzero().view(-1) for label in range(num_classes)]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def device(self) -> torch.device:
        """The device of inputs, labels and networks."""
        return self.y.device

    def to(self, device: torch.device | str) -> Self:
        """The same data if they are on the device already, else a copy there."""
        y = self.y.to(device)
        if y is self.y:
            return self
        out = copy.copy(self)
        out.y = y
        for name in self.MOVED:
            setattr(out, name, to_device(getattr(self, name), device))
        return out

    def check_per_class(self, per_class: int) -> None:
        """Refuse more entries of a class than it has."""
        if per_class < 1:
            raise ValueError(f"--per-class must be 1 or more, got {per_class}")
        least = int(self.counts.argmin())
        if per_class > int(self.counts[least]):
            raise ValueError(
                f"--per-class {per_class} is more than the {int(self.counts[least])} training {self.KIND} of class "
                f"{least}; give {int(self.counts[least])} or less"
            )

    def sample_indices(self, size: int, generator: torch.Generator, label: int | None = None) -> Tensor:
        """Indices of ``size`` random entries of each class (or of class ``label``), or of all if a class has fewer.

        Classes follow one another; no entry is sampled twice.
        """
        groups = self.members if label is None else [self.members[label]]
        return torch.cat([group[torch.randperm(len(group), generator=generator)[:size]] for group in groups])

    def sample(self, size: int, generator: torch.Generator, label: int | None = None) -> tuple[Any, Tensor]:
        """Inputs and classes of :meth:`sample_indices`."""
        index = self.sample_indices(size, generator, label)
        return self.inputs(index), self.y[index]

    def init_random(self, per_class: int, generator: torch.Generator) -> LearnableSet:
        """A set to learn that is initialized with random entries of each class."""
        return self.init_from(self.sample_indices(per_class, generator))

    @abstractmethod
    def inputs(self, index: Tensor) -> Inputs:
        """Network inputs of the entries at ``index``."""

    @abstractmethod
    def flat(self) -> Tensor:
        """A feature vector for every entry, ``[n, d]``, for comparisons without a network."""

    @abstractmethod
    def network(self, norm: ConvNetNorm = "instance") -> nn.Module:
        """A fresh network on the device with weights from torch's global generator of the CPU.

        Args:
            norm: norm of networks that have one. (default: ``instance``)
        """

    @abstractmethod
    def init_from(self, index: Tensor, logits: Tensor | None = None) -> LearnableSet:
        """A set to learn that is initialized with the entries at ``index``; with ``logits`` labels are learnt, too."""

    @abstractmethod
    def select(self, index: Tensor) -> SyntheticSet:
        """The entries at ``index`` as a set, on the CPU."""
