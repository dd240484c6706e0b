r"""Cr-KD: novel classes are discovered in unlabelled data, while what is known is distilled by class relations.

.. math:: L = \mathrm{CE}(y, z_s) + \mathrm{SP}(z_s, z_s') + \alpha \, T^2 \, w_i \, H\big(\mathrm{softmax}(z_t / T),
    \mathrm{softmax}(z_{s, \le K} / T)\big)

Labelled entries have the cross-entropy, unlabelled ones, which belong to novel classes, the other two terms. In the
swapped prediction SP, the novel classes of one view of an entry, made pseudo-labels by Sinkhorn-Knopp, are predicted
from the other view. The weight :math:`w_i`, one on average, is the probability that the student gives to the K known
classes: samples related to known classes learn the relation more.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.methods import Result
from graphdistill.core.training.loop import FitResult
from graphdistill.kd.data.view import Kind
from graphdistill.kd.inputs import Inputs
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, Objective
from graphdistill.kd.targets.class_relation import ClassRelation, sinkhorn_labels
from graphdistill.kd.targets.regions import random_regions
from graphdistill.kd.training import fit_objective

PAPER = "Gu et al., ICCV 2023, https://arxiv.org/abs/2307.09158"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits, 8 and 9 novel: 97.71 ± 2.25 on novel classes (alpha 0: 97.43 ± 2.50)",
    command="python -m graphdistill.bench kd --parts cr-kd",
    differs="One head for the novel classes instead of four, two views instead of four, and logits instead of cosines.",
    instead="Where novel classes are as easy as digits --alpha 0 is enough.",
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of Cr-KD."""

    novel: int = 2
    """Number of novel classes, which are the last ones; the student starts best as a copy of the teacher."""
    alpha: float = 0.1
    """Weight of the distillation, that of the released code."""
    temperature: float = 4.0
    """Temperature of the distillation, that of the released code."""
    epsilon: float = 0.05
    """Entropy of the pseudo-labels, that of the released code: the smaller, the surer."""
    sharpness: float = 0.1
    """Temperature of the predictions of views, that of the released code."""
    least_area: float = 0.6
    """Smallest share of an image that a view shows."""

    def __post_init__(self) -> None:
        kd.Config.__post_init__(self)
        if self.novel < 2:
            raise ValueError(f"--novel must be 2 or more, got {self.novel}")
        if not 0 <= self.alpha < float("inf"):
            raise ValueError(f"--alpha must be 0 or more, got {self.alpha}")
        for option, value in (("epsilon", self.epsilon), ("sharpness", self.sharpness)):
            if not 0 < value < float("inf"):
                raise ValueError(f"--{option} must be above 0, got {value}")
        if not 0 < self.least_area <= 1:
            raise ValueError(f"--least-area must be above 0 to 1, got {self.least_area}")


def distill(context: Context, config: Config) -> FitResult:
    """Train to the last step: a validation score needs labels of novel classes, which nobody has."""
    return fit_objective(context, objective(context, config), eval_every=context.steps)


def objective(context: Context, config: Config) -> Objective:
    """The three terms; both networks run on one view, the student on a second one, too.

    Raises:
        ValueError: fewer than two classes are known, or no entry is unlabelled.
    """
    view = context.data
    known = view.num_classes - config.novel
    if known < 2:
        raise ValueError(f"--novel must leave 2 or more of the {view.num_classes} classes, got {config.novel}")
    if len(view.labelled) == len(view.train):
        raise ValueError("no entry is unlabelled, so there is nothing to discover; name the labelled ones")
    relation = ClassRelation(config.temperature)

    def views(inputs: Inputs, index: Tensor, draws: torch.Generator) -> Inputs:
        whole = inputs.main
        first, second = (random_regions(whole, draws, config.least_area) for _ in range(2))
        out = inputs.replaced(first)
        out.derive({"second": lambda: inputs.replaced(second)})
        return out

    def loss(batch: Batch) -> Tensor:
        first = batch.student.logits
        second = view.run(context.student, batch.index, inputs=batch.inputs["second"]).logits
        unknown = batch.y < 0
        value = F.cross_entropy(first, batch.y, ignore_index=-1, reduction="none")
        if bool(unknown.any()):
            swapped = _swapped(first[unknown], second[unknown], known, config)
            related = relation(first[unknown], batch.teacher.logits[unknown, :known])
            value = value.masked_scatter(unknown, swapped + config.alpha * related)
        return value

    return Objective(loss=loss, augment=views)


def _swapped(first: Tensor, second: Tensor, known: int, config: Config) -> Tensor:
    """Cross-entropy of each view to the pseudo-labels of the other one, ``[n]``."""
    value = torch.zeros_like(first[:, 0])
    for mine, other in ((first, second), (second, first)):
        label = sinkhorn_labels(other[:, known:].detach() * config.sharpness, config.epsilon)
        value = value - 0.5 * (label * mine.log_softmax(dim=1)[:, known:]).sum(dim=1)
    return value
