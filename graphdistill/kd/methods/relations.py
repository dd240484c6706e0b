r"""Relation matching: cosines between the student's hidden features are those of the teacher.

.. math:: L = w \bigl( \mathrm{KL}(p_t \,\Vert\, p_s)
    + \gamma \, \overline{(\cos(h_i, h_j) - \cos(t_i, t_j))^2} \bigr) + w_y \, \mathrm{CE}(y, p_s)

with hidden features h of the student and t of the teacher, over random pairs of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.features.relation_matching import RelationMatching
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, Objective

PAPER = "NOSMOG: Tian et al., ICLR 2023, https://openreview.net/forum?id=Cs3r5KLdoj"
RESULT = Result(
    paper="no checked number at hand",
    ours="cora 82.57 ± 1.38, citeseer 73.49 ± 2.65 (GLNN 82.46 ± 1.58 and 73.73 ± 2.14)",
    command="python -m graphdistill.bench vqgraph --parts accuracy",
    differs="Only the relations of NOSMOG; its positions and adversarial features are left out.",
    instead="GLNN: relations add nothing to it.",
)
FOR: tuple[Kind, ...] = ("nodes",)


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of relation matching."""

    temperature: float = 1.0
    """Temperature of both softmaxes of the loss on logits."""
    relation_weight: float = 1.0
    """Weight of the loss on relations; that on logits has weight 1."""
    size: int = 512
    """Largest number of nodes in a step whose pairs are compared, which bounds memory."""
    student_layer: str = "penultimate"
    """Path of the student's hidden layer."""
    teacher_layer: str = "penultimate"
    """Path of the teacher's hidden layer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.relation_weight < float("inf"):
            raise ValueError(f"--relation-weight must be 0 or more, got {self.relation_weight}")
        if self.size < 1:
            raise ValueError(f"--size must be 1 or more, got {self.size}")


def objective(context: Context, config: Config) -> Objective:
    """The losses on logits and on the relations of the hidden features."""
    own, relations = KD(config.temperature), RelationMatching(config.size)

    def distillation(batch: Batch) -> Tensor:
        mine, theirs = batch.student.features[config.student_layer], batch.teacher.features[config.teacher_layer]
        return own(batch.student.logits, batch.teacher.logits) + config.relation_weight * relations(
            mine, theirs, generator=batch.generator
        )

    return Objective(
        loss=kd.with_labels(context, config, distillation),
        student_layers=(config.student_layer,),
        teacher_layers=(config.teacher_layer,),
    )
