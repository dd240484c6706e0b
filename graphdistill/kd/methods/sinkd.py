r"""SinKD: KD of a falling temperature, with the optimal transport between the predictions of a batch on top.

.. math:: L = w \left[T_\tau^2 \, \mathrm{KL}(p_t \,\Vert\, p_s) + w_S \sum_{ij} P_{ij} \|p_{s,i} - p_{t,j}\|_1\right]
    + w_y \, \mathrm{CE}(y, z_s)

The temperature :math:`T_\tau` of KD falls on a line over the training. P is the entropic transport plan between the
entries of a group. It may pair any entry of the student with any of the teacher, so the term alone does not say which
class an entry has; it is a weak regulariser of KD.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.losses.sinkhorn import SinkhornKD
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, Objective
from graphdistill.kd.schedules import scheduled

PAPER = "Cui et al., SinKD, COLING 2024, https://arxiv.org/abs/2402.17110"
RESULT = Result(
    paper="no checked number at hand",
    ours="not measured",
    command="python -m graphdistill.bench kd --parts identities",
    differs="The transport cost is a mean over entries; the paper's code takes 0.001 times their sum.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of SinKD."""

    temperature: float = 4.0
    """Temperature of KD at the start, as in the paper's code."""
    final_temperature: float = 1.0
    """Temperature of KD at the end, reached on a line."""
    sinkhorn_weight: float = 0.8
    """Weight of the transport cost next to that of KD, which is 1."""
    sinkhorn_temperature: float = 2.0
    """Temperature of the probabilities that are transported, as in the paper's code."""
    epsilon: float = 0.1
    """Strength of the entropic regularisation, as in the paper's code."""
    rounds: int = 20
    """Sinkhorn iterations, as in the paper's code."""
    group_size: int = 64
    """Entries among which predictions are transported, drawn anew in each step (the paper has batches of 16)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for option, value in (
            ("final-temperature", self.final_temperature),
            ("sinkhorn-temperature", self.sinkhorn_temperature),
            ("epsilon", self.epsilon),
        ):
            if not value > 0:
                raise ValueError(f"--{option} must be above 0, got {value}")
        if not 0 <= self.sinkhorn_weight < float("inf"):
            raise ValueError(f"--sinkhorn-weight must be 0 or more, got {self.sinkhorn_weight}")
        if self.rounds < 1:
            raise ValueError(f"--rounds must be 1 or more, got {self.rounds}")
        if self.group_size < 2:
            raise ValueError(f"--group-size must be 2 or more, got {self.group_size}")


def objective(context: Context, config: Config) -> Objective:
    """KD of the present temperature with its Sinkhorn term, and cross-entropy on labels."""
    return Objective(loss=kd.with_labels(context, config, lambda batch: _distillation(batch, config)))


def _distillation(batch: Batch, config: Config) -> Tensor:
    """The loss of each row, whose groups are drawn from the batch's generator."""
    loss = SinkhornKD(
        KD(scheduled(config.temperature, config.final_temperature, batch.fraction_done)),
        weight=config.sinkhorn_weight,
        epsilon=config.epsilon,
        rounds=config.rounds,
        temperature=config.sinkhorn_temperature,
    )
    student, teacher = batch.student.logits, batch.teacher.logits
    order = torch.randperm(len(student), generator=batch.generator).to(student.device)
    rows = torch.cat([loss(student[group], teacher[group]) for group in order.split(config.group_size)])
    return rows[order.argsort()]
