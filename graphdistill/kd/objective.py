"""What a method is made of: the loss of a batch, the layers that it needs, and what is trained along.

Shape legend: n entries of a batch, r rows of logits (one an entry; in language models one a position), C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.randomness import generator
from graphdistill.core.training.loop import FitResult
from graphdistill.kd.data.view import View
from graphdistill.kd.inputs import Inputs
from graphdistill.kd.outputs import Outputs


@dataclass(frozen=True)
class Batch:
    """What the loss of a step reads.

    Attributes:
        index: entries of the data set, long ``[n]``.
        inputs: their named inputs.
        y: labels, long ``[r]``; -1 where there is none that the student may use.
        student: outputs of the student, with gradient.
        teacher: outputs of the teacher; with gradient only if it is trained along.
        fraction_done: share of the training that is done, from 0 to below 1.
        generator: source of what the loss draws.
    """

    index: Tensor
    inputs: Inputs
    y: Tensor
    student: Outputs
    teacher: Outputs
    fraction_done: float
    generator: torch.Generator


@dataclass(frozen=True, kw_only=True)
class Objective:
    """How a student is trained by a method.

    Attributes:
        loss: value of each row of a batch, ``[r]``; the loss of a step is their mean.
        student_layers: layers of the student whose features the loss reads, as of
            :func:`~graphdistill.kd.outputs.outputs_of`. (default: none)
        teacher_layers: layers of the teacher. (default: none)
        module: parameters that are trained along, such as projections; not part of the student. (default: none)
        uses_teacher: whether the teacher runs at all. (default: yes)
        online: whether the teacher is trained along. (default: no)
        augment: changes the inputs of a step, from inputs, index and a generator; the teacher then runs in each step
            instead of once. (default: the inputs stay)
        after_step: called with the loss of each step. (default: nothing)
        sample: places among the training entries of those of the next step, from the size of a batch, which it need
            not keep to. (default: random passes over all entries)
        check: score that checkpoints are chosen by, of the student in evaluation mode. (default: the metric on
            validation)
    """

    loss: Callable[[Batch], Tensor]
    student_layers: Sequence[str] = ()
    teacher_layers: Sequence[str] = ()
    module: nn.Module | None = None
    uses_teacher: bool = True
    online: bool = False
    augment: Callable[[Inputs, Tensor, torch.Generator], Inputs] | None = None
    after_step: Callable[[float], None] | None = None
    sample: Callable[[int], Tensor] | None = None
    check: Callable[[], float] | None = None


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the entry function of a method gets.

    Attributes:
        student: the network that is trained.
        teacher: the trained network, in evaluation mode.
        data: the data set, its labels and batches.
        steps: optimizer steps.
        batch_size: entries a step.
        lr: learning rate.
        weight_decay: decoupled weight decay.
        seed: seed of all randomness.
        progress: shows bars.
    """

    student: nn.Module
    teacher: nn.Module
    data: View
    steps: int
    batch_size: int
    lr: float
    weight_decay: float
    seed: int = 0
    progress: Progress = NO_PROGRESS
    _outputs: dict[tuple[str, ...], Outputs] = field(default_factory=dict, repr=False, compare=False)

    @property
    def device(self) -> torch.device:
        """Device of the networks."""
        return self.data.device

    def generator(self, *purpose: object) -> torch.Generator:
        """A generator for a purpose."""
        return generator(self.seed, "kd", *purpose)

    def teacher_outputs(self, layers: Sequence[str] = ()) -> Outputs:
        """Outputs of the teacher on all entries that the student is trained on, in the order of ``data.train``.

        They are computed once.
        """
        key = tuple(layers)
        if key not in self._outputs:
            self._outputs[key] = self.data.predict(self.teacher, self.data.train, key)
        return self._outputs[key]

    def probe(self, student: Sequence[str] = (), teacher: Sequence[str] = ()) -> tuple[Outputs, Outputs]:
        """Outputs of student and teacher on a few entries, for the widths of layers."""
        few = self.data.train[:2]
        return self.data.predict(self.student, few, student), self.data.predict(self.teacher, few, teacher)

    def label_loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of the student on known labels, ``[r]``; its mean is that over the rows with a label.

        Classes have equal weight in data whose metric is ROC-AUC.
        """
        return label_loss(batch.student.logits, batch.y, self.data.class_weight)


@dataclass(frozen=True)
class FoundStudent(FitResult):
    """Result of a method that searches a student, and trains it in place of the one that it gets.

    Attributes:
        network: the trained network, in evaluation mode.
        architecture: its sizes by name.
    """

    network: nn.Module
    architecture: Mapping[str, int]


def label_loss(logits: Tensor, y: Tensor, class_weight: Tensor | None = None) -> Tensor:
    """Cross-entropy on known labels, 0 on rows without one, scaled so that the mean is that over known labels.

    Args:
        logits: ``[r, C]``.
        y: long ``[r]``; -1 for no label.
        class_weight: weight of the rows of each class, float ``[C]``. (default: 1)

    Returns:
        Float ``[r]``.

    Example:
        >>> label_loss(torch.zeros(2, 2), torch.tensor([1, -1])).mean().exp().item()
        2.0
    """
    value = F.cross_entropy(logits, y, class_weight, ignore_index=-1, reduction="none")
    return value * (len(y) / (y >= 0).sum().clamp(min=1))
