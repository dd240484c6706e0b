"""What distillation needs from data of any kind: entries, labels, batches, and how networks are called on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.data.datasets import Metric
from graphdistill.core.training.metrics import score
from graphdistill.kd.inputs import Inputs
from graphdistill.kd.outputs import Outputs, outputs_of

Kind = Literal["nodes", "graphs", "images", "text", "rows"]


@dataclass(frozen=True)
class Training:
    """Defaults of a training on one kind of data.

    Attributes:
        steps: optimizer steps.
        batch_size: entries a step; all of them if there are fewer.
        lr: learning rate of AdamW, which decays to 0 on a cosine.
        weight_decay: decoupled weight decay.
        eval_every: steps between validation checks.
        label_weight: weight of the cross-entropy on labels while a teacher is distilled.
    """

    steps: int
    batch_size: int
    lr: float
    weight_decay: float
    eval_every: int
    label_weight: float = 1.0


class View(ABC):
    """A data set as distillation reads it.

    Args:
        data: the data set.
        device: device of the networks. (default: the CPU)
        labelled: training entries whose labels may be used, long; the others are unlabelled. (default: all)
    """

    KIND: ClassVar[Kind]
    TRAINING: ClassVar[Training]
    CHUNK: ClassVar[int] = 2048
    """Entries in a forward pass without gradients."""
    TEACHERS: ClassVar[Mapping[str, Callable[[Any], nn.Module]]]
    """Makes a network of the size of a teacher from a view, by its name in a command; the first is the default."""
    STUDENTS: ClassVar[Mapping[str, Callable[[Any], nn.Module]]]
    """The same of the size of a student."""
    domain: Tensor | None = None
    """Domain of each entry, long, if the data have several."""

    def __init__(self, data: Any, device: torch.device | str = "cpu", labelled: Tensor | None = None):
        self.data, self.device = data, torch.device(device)
        self.labelled = data.train if labelled is None else labelled
        stray = self.labelled[~torch.isin(self.labelled, data.train)]
        if len(stray):
            raise ValueError(f"labelled has entry {int(stray[0])}, which is not in the training split; leave it out")
        self._usable = torch.zeros(len(data.y), dtype=torch.bool)
        self._usable[self.labelled] = True

    def set_domain(self, domain: Tensor) -> None:
        """Say which domain each entry is of.

        Args:
            domain: from 0, long ``[n]``.

        Raises:
            ValueError: it is not a number for each entry, or a domain lacks training or validation entries.
        """
        if domain.dtype != torch.long or domain.shape != self.data.y.shape[:1]:
            got = f"{domain.dtype} {list(domain.shape)}"
            raise ValueError(f"domain must be long [{len(self.data.y)}], a number for each entry, got {got}")
        for split, index in (("training", self.train), ("validation", self.data.valid)):
            absent = (domain[index].bincount(minlength=int(domain.max()) + 1) == 0).nonzero().view(-1).tolist()
            if int(domain.min()) < 0 or absent:
                which = -1 if int(domain.min()) < 0 else absent[0]
                raise ValueError(f"domain {which} has no {split} entries in {self.name}; number domains from 0")
        self.domain = domain

    def domains(self, method: str) -> Tensor:
        """Domain of each entry, long ``[n]``, for a method that needs two domains or more.

        Raises:
            ValueError: the data have fewer.
        """
        if self.domain is None or int(self.domain.max()) < 1:
            raise ValueError(
                f"{method} needs two domains or more, but {self.name} is one; name others by --domains, in Python by "
                "domain=..., as of load_domains"
            )
        return self.domain

    @property
    def name(self) -> str:
        """Name of the data set."""
        return str(self.data.name)

    @property
    def metric(self) -> Metric:
        """Metric of the scores."""
        return "accuracy"

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return int(self.data.y.max()) + 1

    @cached_property
    def class_weight(self) -> Tensor | None:
        """Weights that make all classes equal in the loss on labels, ``[C]``; ``None`` where the metric is accuracy.

        ROC-AUC counts a rare class as much as a frequent one.
        """
        if self.metric != "rocauc":
            return None
        count = self.labels(self.labelled).bincount(minlength=self.num_classes).clamp(min=1)
        return (count.sum() / (self.num_classes * count)).to(self.device)

    @property
    def rows_per_entry(self) -> int:
        """Rows of logits of an entry: 1, or in language models the positions of a window."""
        return int(self.data.y[0].numel())

    @property
    def train(self) -> Tensor:
        """Entries that a student is trained on, with or without their labels, long."""
        index: Tensor = self.data.train
        return index

    @cached_property
    def place(self) -> Tensor:
        """Place of each entry among those that a student is trained on, long ``[n]``; -1 for any other entry."""
        place = torch.full((len(self.data.y),), -1)
        place[self.train] = torch.arange(len(self.train))
        return place

    def labels(self, index: Tensor) -> Tensor:
        """Labels of entries, a row for each of the logits, long ``[r]``."""
        y: Tensor = self.data.y[index.cpu()]
        return y.reshape(-1)

    def known(self, index: Tensor) -> Tensor:
        """The same, with -1 for labels that may not be used in training."""
        usable, y = self._usable[index.cpu()], self.data.y[index.cpu()]
        return torch.where(usable.view(-1, *[1] * (y.dim() - 1)), y, -1).reshape(-1)

    @abstractmethod
    def inputs(self, index: Tensor) -> Inputs:
        """Named inputs of entries, on the device."""

    def new_inputs(self, index: Tensor) -> Inputs:
        """Named inputs of entries, made as for entries that come one by one: nothing is shared with other entries."""
        return self.inputs(index)

    def run(
        self, module: nn.Module, index: Tensor, layers: Sequence[str] = (), inputs: Inputs | None = None
    ) -> Outputs:
        """Outputs of a network on entries, in its present mode.

        Args:
            module: the network.
            index: entries, long ``[n]``.
            layers: layers that are recorded. (default: none)
            inputs: inputs of the entries, if they were changed. (default: those of the data set)
        """
        found = outputs_of(module, self.inputs(index) if inputs is None else inputs, layers)
        return found._replace(logits=found.logits.reshape(-1, found.logits.shape[-1]))

    @torch.no_grad()
    def predict(self, module: nn.Module, index: Tensor, layers: Sequence[str] = ()) -> Outputs:
        """Outputs of a network on entries in evaluation mode, chunk by chunk, without gradients."""
        modes = {part: part.training for part in module.modules()}
        module.eval()
        try:
            parts = [self.run(module, part, layers) for part in index.split(self.CHUNK)]
        finally:
            for part, mode in modes.items():
                part.training = mode
        if len(parts) == 1:
            return parts[0].detach()
        features = {path: torch.cat([part.features[path] for part in parts]) for path in layers}
        return Outputs(torch.cat([part.logits for part in parts]), features)

    def logits(self, module: nn.Module, split: str) -> Tensor:
        """Logits of a network on a split, on the CPU."""
        return self.predict(module, getattr(self.data, split)).logits.cpu()

    def losses(self, module: nn.Module, index: Tensor) -> Tensor:
        """Cross-entropy of a network on entries, a number for each row of logits, on the CPU."""
        return F.cross_entropy(self.predict(module, index).logits.cpu(), self.labels(index), reduction="none")

    def score(self, module: nn.Module, split: str) -> float:
        """Metric of a network on a split."""
        return score(self.logits(module, split), self.labels(getattr(self.data, split)), self.metric)
