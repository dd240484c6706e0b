r"""TAID: the target moves from the student's own predictions to the teacher's while training goes on.

.. math:: L = -w \, T^2 \sum_c p_c \log q_c + w_y \, \mathrm{CE}(y, z_s), \quad
    p = \mathrm{softmax}\big(((1 - t) \, \bar z_s + t \, z_t) / T\big), \quad q = \mathrm{softmax}(z_s / T)

The share t of the teacher grows linearly from :math:`t_0` to :math:`t_1`, and faster while the loss decreases.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, Objective
from graphdistill.kd.targets.interpolation import InterpolationSchedule, interpolated_cross_entropy

PAPER = "Shing et al., ICLR 2025, https://arxiv.org/abs/2501.16937"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits, to width 8 from an overconfident teacher: 0.17 ± 0.34 points over KD",
    command="python -m graphdistill.bench kd --parts taid",
    differs="Classification of small data, where the paper distils language models.",
    instead="No gain over kd was found, not even from an overconfident teacher: use kd.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text", "rows")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of TAID."""

    temperature: float = 1.0
    """Temperature of both softmaxes, that of the released code."""
    start: float = 0.4
    """Share of the teacher at first, that of the released code."""
    end: float = 1.0
    """Share of the teacher at last, that of the released code."""
    adaptive: bool = True
    """Whether the share grows faster while the loss decreases; without it, the target is the linear blend."""
    alpha: float = 5e-4
    """Size of the adaptive steps, that of the released code; small, so that the linear growth mostly governs."""
    beta: float = 0.99
    """Momentum of the relative decrease of the loss, that of the released code."""

    def __post_init__(self) -> None:
        kd.Config.__post_init__(self)
        if not 0 <= self.start <= self.end <= 1:
            raise ValueError(f"--start and --end must be 0 to 1 in this order, got {self.start} and {self.end}")
        if not 0 <= self.alpha < float("inf"):
            raise ValueError(f"--alpha must be 0 or more, got {self.alpha}")
        if not 0 <= self.beta < 1:
            raise ValueError(f"--beta must be 0 to below 1, got {self.beta}")


def objective(context: Context, config: Config) -> Objective:
    """Cross-entropy to a target whose share of the teacher follows the losses so far."""
    schedule = InterpolationSchedule(config.start, config.end, config.alpha if config.adaptive else 0, config.beta)
    share, loss, step = schedule.begin(), 0.0, 0

    def distillation(batch: Batch) -> Tensor:
        nonlocal loss
        value = interpolated_cross_entropy(batch.student.logits, batch.teacher.logits, share.t, config.temperature)
        loss = float(value.detach().mean())
        return value

    def after_step(_: float) -> None:
        nonlocal share, step
        step += 1
        share = schedule.update(share, loss, step / context.steps)

    return Objective(loss=kd.with_labels(context, config, distillation), after_step=after_step)
