r"""Adaptive KL: forward KL where the student errs on the teacher's probable classes, reverse KL where on the others.

.. math:: L = w \, T^2 \frac{g_h \, \mathrm{KL}(p_t \,\Vert\, p_s) + g_l \, \mathrm{KL}(p_s \,\Vert\, p_t)}{g_h + g_l}
    + w_y \, \mathrm{CE}(y, z_s)

:math:`g_h` and :math:`g_l` are the sums of :math:`|p_t - p_s|` over the head, the fewest classes that hold a given mass
of the teacher's probability, and over the rest. With few classes the head is often one class.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.losses.adaptive import AdaptiveKL
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Context, Objective

PAPER = "Wu et al., 2024, https://arxiv.org/abs/2404.02657"
RESULT = Result(
    paper="no checked number at hand",
    ours="not measured",
    command="python -m graphdistill.bench kd --parts identities",
    differs="No gradient flows through the weights of both directions.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of adaptive KL."""

    mass: float = 0.5
    """Probability of the teacher in the head, as in the paper."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.mass < 1:
            raise ValueError(f"--mass must be above 0 and below 1, got {self.mass}")


def objective(context: Context, config: Config) -> Objective:
    """Adaptive KL on logits, and cross-entropy on labels."""
    loss = AdaptiveKL(config.mass, config.temperature)
    return Objective(loss=kd.with_labels(context, config, lambda b: loss(b.student.logits, b.teacher.logits)))
