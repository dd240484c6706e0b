r"""GLNN: an MLP, which reads no graph, is trained on the predictions of a graph network at all nodes.

.. math:: L = w \, \mathrm{KL}(p_t \,\Vert\, p_s) + w_y \, \mathrm{CE}(y, p_s)

with the class probabilities :math:`p_t` of the teacher and :math:`p_s` of the student.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Context, Objective

PAPER = "Zhang et al., ICLR 2022, https://arxiv.org/abs/2110.08727"
RESULT = Result(
    paper="no checked number at hand",
    ours="cora 82.46 ± 1.58, citeseer 73.73 ± 2.14 from a GCN of 81.73 and 72.38; an MLP on labels 54.93 and 56.59",
    command="python -m graphdistill.bench vqgraph --parts accuracy",
    differs="No loss on labels by default.",
)
FOR: tuple[Kind, ...] = ("nodes",)


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of GLNN."""

    temperature: float = 1.0
    """Temperature of both softmaxes (GLNN uses 1)."""


def objective(context: Context, config: Config) -> Objective:
    """The loss of knowledge distillation at all nodes."""
    return kd.objective(context, config)
