r"""Generalised Jensen-Shannon divergence between the student's and the teacher's probabilities.

.. math:: L = w \, T^2 \left[\beta \, \mathrm{KL}(p_t \,\Vert\, m) + (1 - \beta) \, \mathrm{KL}(p_s \,\Vert\, m)\right]
    + w_y \, \mathrm{CE}(y, z_s), \quad m = \beta p_t + (1 - \beta) p_s

It is bounded, so a few rows on which both disagree do not rule the gradient; :math:`\beta` moves it from forward KL
(near 0) to reverse KL (near 1), both scaled down.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.losses.jsd import JSD
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Context, Objective

PAPER = "Agarwal et al., On-Policy Distillation of Language Models, ICLR 2024, https://arxiv.org/abs/2306.13649"
RESULT = Result(
    paper="no checked number at hand",
    ours="not measured",
    command="python -m graphdistill.bench kd --parts identities",
    differs="The data are those at hand; the paper also trains on sequences that the student samples.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of the generalised Jensen-Shannon divergence."""

    beta: float = 0.5
    """Share of the teacher in the mixture, between 0 and 1 (0.5 is the symmetric divergence)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.beta < 1:
            raise ValueError(f"--beta must be above 0 and below 1, got {self.beta}; near 0 is kd, near 1 is rkd")


def objective(context: Context, config: Config) -> Objective:
    """The divergence on logits, and cross-entropy on labels."""
    loss = JSD(config.beta, config.temperature)
    return Objective(loss=kd.with_labels(context, config, lambda b: loss(b.student.logits, b.teacher.logits)))
