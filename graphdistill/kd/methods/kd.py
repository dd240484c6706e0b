r"""Knowledge distillation: the student's softened probabilities are trained on the teacher's.

.. math:: L = w \, T^2 \, \mathrm{KL}\bigl(\mathrm{softmax}(z_t / T) \,\Vert\, \mathrm{softmax}(z_s / T)\bigr)
    + w_y \, \mathrm{CE}(y, z_s)

with logits :math:`z_s` of the student and :math:`z_t` of the teacher, on all training entries, and the labels y of
those that have one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.objective import Batch, Context, Objective
from graphdistill.kd.schedules import scheduled

PAPER = "Hinton et al., NIPS workshop 2014, https://arxiv.org/abs/1503.02531"
RESULT = Result(
    paper="no checked number at hand",
    ours="cora, GCN to MLP: 80.15 ± 1.45 (labels alone 54.95 ± 2.30, teacher 80.71 ± 1.22)",
    command="python -m graphdistill.bench kd --parts sanity",
    differs="Nothing.",
    instead="Where a student has all labels of its teacher on independent entries, labels alone are as good.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of knowledge distillation, which most methods extend."""

    temperature: float = 2.0
    """Temperature of both softmaxes: the higher it is, the more the unlikely classes count (Hinton et al. use 1 to 20;
    small students learn best from 2 to 4)."""
    weight: float = 1.0
    """Weight of the distillation loss."""
    weight_end: float | None = None
    """Weight of the distillation loss at the end of the training, which the weight reaches on a line (default: it
    stays)."""
    label_weight: float | None = None
    """Weight of the cross-entropy on labels (default: 0 for nodes, where few labels are overfitted, 1 otherwise)."""

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"--temperature must be above 0, got {self.temperature}")
        weights = {"weight": self.weight, "weight-end": self.weight_end, "label-weight": self.label_weight}
        for option, value in ((option, value or 0) for option, value in weights.items()):
            if not 0 <= value < float("inf"):
                raise ValueError(f"--{option} must be 0 or more, got {value}")


def objective(context: Context, config: Config) -> Objective:
    """The loss of the config's temperature on logits, and cross-entropy on labels."""
    divergence = KD(config.temperature)
    return Objective(
        loss=with_labels(context, config, lambda batch: divergence(batch.student.logits, batch.teacher.logits))
    )


def with_labels(context: Context, config: Config, distillation: Callable[[Batch], Tensor]) -> Callable[[Batch], Tensor]:
    """A distillation loss and the cross-entropy on labels, each with its weight.

    Args:
        context: its kind of data has the default weight of labels.
        config: the weights.
        distillation: value of each row of a batch, ``[r]``.
    """
    share = context.data.TRAINING.label_weight if config.label_weight is None else config.label_weight
    end = config.weight if config.weight_end is None else config.weight_end

    def loss(batch: Batch) -> Tensor:
        value = scheduled(config.weight, end, batch.fraction_done) * distillation(batch)
        return value + share * context.label_loss(batch) if share else value

    return loss
