r"""BD-KD-like: student and teacher learn together; the student's divergence is balanced by both entropies.

.. math:: L_s = w \, T^2 \left[a \, \mathrm{KL}(p_t \,\Vert\, p_s) + b \, \mathrm{KL}(p_s \,\Vert\, p_t)\right]
    + \mathrm{CE}(y, z_s), \qquad L_t = w \, T^2 \, \mathrm{KL}(p_s \,\Vert\, p_t) + \mathrm{CE}(y, z_t)

:math:`(a, b) = (\delta, 1)` where the student is more certain than the teacher, else :math:`(1, \delta)`. Each network
learns from its own loss; the other's probabilities are constants there. The aim is a student that is accurate and well
calibrated without recalibration afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.losses.balanced import BalancedKD
from graphdistill.kd.losses.kl import ReverseKL
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, Objective, label_loss

PAPER = "Amara et al., BD-KD, 2022, https://arxiv.org/abs/2212.12965"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "calibration error and accuracy, digits: 6.46 ± 0.97, 97.37 ± 1.29 (KD 6.84 ± 0.96, 97.32 ± 1.31); mnist5k: "
        "3.15 ± 0.71, 97.10 ± 0.48 (KD 3.60 ± 0.66, 97.38 ± 0.60)"
    ),
    command="python -m graphdistill.bench kd --parts bd-kd",
    differs="Which direction gets delta, its value and weights without gradient are ours; none is published.",
    instead="Reverse KL (rkd) alone was calibrated as well: 6.30 ± 1.63 and 2.99 ± 0.55.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of BD-KD."""

    temperature: float = 1.0
    """Temperature of both softmaxes; 1 keeps the probabilities whose calibration is the aim."""
    label_weight: float | None = 1.0
    """Weight of the student's cross-entropy on labels."""
    teacher_label_weight: float = 1.0
    """Weight of the teacher's cross-entropy on labels, without which both networks could agree on anything."""
    delta: float = 2.0
    """Weight of the direction of KL that corrects the student's confidence; that of the other is 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.delta < float("inf"):
            raise ValueError(f"--delta must be 1 or more, got {self.delta}")
        if not 0 <= self.teacher_label_weight < float("inf"):
            raise ValueError(f"--teacher-label-weight must be 0 or more, got {self.teacher_label_weight}")


def objective(context: Context, config: Config) -> Objective:
    """The balanced divergence of the student, reverse KL of the teacher, and cross-entropies of both."""
    return online(context, config, BalancedKD(config.delta, config.temperature))


def online(context: Context, config: Config, divergence: Callable[[Tensor, Tensor], Tensor]) -> Objective:
    """Training of both networks, with any divergence for the student.

    Args:
        context: student and teacher.
        config: the weights, and the temperature of the teacher's reverse KL.
        divergence: loss of the student's and the teacher's logits, a value a row.
    """
    reverse = ReverseKL(config.temperature)
    of_student = kd.with_labels(context, config, lambda b: divergence(b.student.logits, b.teacher.logits.detach()))

    def loss(batch: Batch) -> Tensor:
        s, t = batch.student.logits.detach(), batch.teacher.logits
        of_teacher = config.weight * reverse(s, t) + config.teacher_label_weight * label_loss(t, batch.y)
        return of_student(batch) + of_teacher

    return Objective(loss=loss, online=True)
