r"""Decoupled knowledge distillation: the label against the rest and the classes of the rest, each with a weight.

.. math:: L = w \, T^2 \left[\alpha \, \mathrm{KL}(b_t \,\Vert\, b_s) + \beta \, \mathrm{KL}(\hat p_t \,\Vert\,
    \hat p_s)\right] + w_y \, \mathrm{CE}(y, z_s), \quad b = (p_y, 1 - p_y), \quad \hat p_c = p_c / (1 - p_y)

In KL, the second part has the weight :math:`1 - p_{t,y}`, so a confident teacher's view of the other classes is lost.
An entry without a label takes the teacher's most probable class.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.losses.dkd import DKD
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Context, Objective

PAPER = "Zhao et al., CVPR 2022, https://arxiv.org/abs/2203.08679"
RESULT = Result(
    paper="no checked number at hand",
    ours="not measured",
    command="python -m graphdistill.bench kd --parts identities",
    differs="Entries without a label take the teacher's most probable class.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of decoupled knowledge distillation."""

    alpha: float = 1.0
    """Weight of the target class against the rest, as in the paper."""
    beta: float = 2.0
    """Weight of the other classes among themselves; the paper tunes it to the teacher's confidence, from 1 to 8."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for option, value in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"--{option} must be 0 or more, got {value}")


def objective(context: Context, config: Config) -> Objective:
    """The two parts on logits, and cross-entropy on labels."""
    loss = DKD(config.alpha, config.beta, config.temperature)
    return Objective(loss=kd.with_labels(context, config, lambda b: loss(b.student.logits, b.teacher.logits, b.y)))
