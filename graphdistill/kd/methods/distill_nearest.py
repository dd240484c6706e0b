r"""DistillNearest-like: of several networks of other data, the most relevant one is the teacher.

.. math:: L = \lambda \, \mathrm{CE}(y, z_s) + (1 - \lambda) \, \mathrm{KL}\big(p_k \,\|\, \mathrm{softmax}(z_s)\big),
    \quad k = \arg\max_j e_j

The relevance :math:`e_j` is PARC of a source's features on a probe of labelled entries
(:func:`~graphdistill.kd.teachers.parc.parc`). Each source gets a new linear layer for the classes of the data, which is
fitted to the labelled entries, and answers for all entries, labelled or not, by :math:`p_j`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import class_balanced_order
from graphdistill.kd.data.view import Kind
from graphdistill.kd.inputs import BatchModule
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.objective import Batch, Context, Objective
from graphdistill.kd.outputs import PENULTIMATE
from graphdistill.kd.teachers.ensemble import WeightedTeachers
from graphdistill.kd.teachers.heads import HeadedNetwork, features_of, fit_head
from graphdistill.kd.teachers.parc import parc

PAPER = "Borup et al., 2023, https://arxiv.org/abs/2304.12314"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits, 3 labels a class: 85.53 ± 4.08 (all sources alike 83.18 ± 3.92, labels alone 77.54 ± 4.11)",
    command="python -m graphdistill.bench kd --parts teachers",
    differs="The weight of the labels and the size of the probe are ours, as they could not be confirmed; a new layer "
    "also reads the source's logits, since the last layer of a graph network propagates.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images")
FROM_SOURCES = True
"""The teachers are networks of other data sets."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of DistillNearest."""

    label_share: float = 0.1
    """Share of the cross-entropy on labels in the loss. On validation of digits with three labels a class 0 was
    better than 0.2 and 0.5 with one seed, and 0.1 better than 0 with another."""
    probe: int = 500
    """Most labelled entries that the relevance of a source is computed on, equally many of each class."""
    head_decay: float = 0.01
    """Weight decay of the new layer of a source, which has more features than there are labels."""

    def __post_init__(self) -> None:
        if not 0 <= self.label_share < 1:
            raise ValueError(f"--label-share must be 0 to below 1, got {self.label_share}")
        if self.probe < 3:
            raise ValueError(f"--probe must be 3 or more, got {self.probe}")
        if not self.head_decay > 0:
            raise ValueError(f"--head-decay must be above 0, got {self.head_decay}")


def objective(context: Context, config: Config) -> Objective:
    """Cross-entropy on labels, and divergence from the most relevant source."""
    sources, relevance = relevant_sources(context, config)
    nearest = max(range(len(sources)), key=lambda i: relevance[i])
    return from_sources(context, config, sources, [float(i == nearest) for i in range(len(sources))])


def relevant_sources(context: Context, config: Config) -> tuple[list[HeadedNetwork], list[float]]:
    """Each source with a new layer, and its relevance.

    Raises:
        ValueError: the labelled entries are fewer than three or of one class.
    """
    view, labelled = context.data, context.data.labelled
    y = view.labels(labelled)
    few = class_balanced_order(y, context.generator("probe"))[: config.probe] if len(y) else y
    sources, relevance = [], []
    for network in members_of(context.teacher):
        outputs = view.predict(network, labelled, (PENULTIMATE,))
        relevance.append(parc(outputs.features[PENULTIMATE][few.to(view.device)], y[few]))
        head = fit_head(features_of(outputs), y.to(view.device), context.probe()[1].logits.shape[1], config.head_decay)
        sources.append(HeadedNetwork(network, head))
    return sources, relevance


def members_of(teacher: nn.Module) -> list[nn.Module]:
    """Several teachers, or a single one."""
    return list(teacher.members) if isinstance(teacher, WeightedTeachers) else [teacher]


def from_sources(
    context: Context, config: Config, sources: Sequence[BatchModule], weights: Sequence[float] | Tensor
) -> Objective:
    """Cross-entropy on labels, and divergence from the weighted mean of the sources' probabilities.

    The sum of the weighted divergences from each source differs from it by a constant.
    """
    view, divergence = context.data, KD()
    found = view.predict(WeightedTeachers(sources, weights).to(view.device), view.train).logits

    def loss(batch: Batch) -> Tensor:
        theirs = found[view.place[batch.index.cpu()].to(view.device)]
        value = (1 - config.label_share) * divergence(batch.student.logits, theirs)
        return value + config.label_share * context.label_loss(batch) if config.label_share else value

    return Objective(loss=loss, uses_teacher=False)
