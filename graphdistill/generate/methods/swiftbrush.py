r"""Variational score distillation: the critic is the teacher with low-rank adapters, and both are guided; no data.

.. math:: \nabla_x L = \frac{r}{1 + r^2} \bigl(D^w_{\phi + BA}(x_\sigma, \sigma, y) - D^w_\phi(x_\sigma, \sigma, y)
    \bigr), \qquad D^w = (1 + w) D(\cdot, y) - w D(\cdot), \quad r = \sigma / \sigma_d

The factor is that of the paper, :math:`\sigma_t^2 (\epsilon_\phi - \epsilon_{\phi + BA})` with
:math:`\alpha_t^2 + \sigma_t^2 = 1`, where :math:`\sigma_t / \alpha_t = r`. The adapters BA learn to denoise what the
generator draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import scoped
from graphdistill.generate.adapters import add_adapters
from graphdistill.generate.context import Context
from graphdistill.generate.generator import Generator
from graphdistill.generate.scores import Draw, ScoreTraining, descend, distill_scores
from graphdistill.generate.space import Kind

PAPER = "SwiftBrush: Nguyen and Tran, CVPR 2024, https://arxiv.org/abs/2312.05239"
RESULT = Result(
    paper="FID 16.67 and CLIP score 0.29 on COCO-30K in one step (from its abstract)",
    ours="digits: Frechet 1.211 ± 0.252 times that of real images in one step "
    "(teacher 1.481 ± 0.183 in 49 evaluations, 2.560 ± 0.016 in one)",
    command="python -m graphdistill.bench generate --parts sources --datasets digits --methods swiftbrush",
    differs="Classes instead of prompts; the adapters learn without a class, too, as guidance needs it.",
)
FOR: tuple[Kind, ...] = ("images", "rows", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of variational score distillation."""

    guidance: float = 0.5
    """Strength of guidance w of teacher and critic."""
    rank: int = 16
    """Rank of the critic's adapters."""
    alpha: float = 27.0
    """Scale of the adapters, over the rank; 1.7 times the rank as in the paper's code."""
    critic_steps: int = 5
    """Updates of the critic for each of the generator's."""
    critic_lr: float = 3.0
    """Learning rate of the critic, as a multiple of --lr."""
    hidden: float = 0.1
    """Share of entries whose class is hidden from the critic."""
    start: float = 2.5
    """Noise level that the generator starts from."""

    def __post_init__(self) -> None:
        if self.rank < 1 or self.critic_steps < 1:
            raise ValueError(f"--rank and --critic-steps must be 1 or more, got {self.rank} and {self.critic_steps}")
        for name in ("alpha", "critic_lr", "start"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {getattr(self, name)}")
        if not 0 <= self.guidance < float("inf"):
            raise ValueError(f"--guidance must be 0 or more, got {self.guidance}")
        if not 0 <= self.hidden < 1:
            raise ValueError(f"--hidden must be 0 or more and below 1, got {self.hidden}")


@dataclass(frozen=True)
class VariationalScores:
    """Difference of the guided scores of critic and teacher.

    Attributes:
        guidance: strength of guidance.
    """

    guidance: float

    def generator_loss(self, draw: Draw) -> Tensor:
        """Loss whose gradient is the weighted difference."""
        with torch.no_grad():
            real = draw.teacher.guided(draw.noisy, draw.sigma, draw.target, self.guidance)
            fake = draw.critic.guided(draw.noisy, draw.sigma, draw.y, self.guidance)
            ratio = draw.sigma / draw.teacher.schedule.sigma_data
            weight = (ratio / (1 + ratio**2)).reshape(-1, *[1] * (fake.dim() - 1))
        return descend(draw.x, weight * (fake - real))


def distill(context: Context, config: Config) -> Generator:
    """The generator; no real entries are read."""
    critic = context.teacher.copy()
    with scoped(context.seed, "adapters of the critic"):
        add_adapters(critic, config.rank, config.alpha)
    how = ScoreTraining(
        objective=VariationalScores(config.guidance),
        critic_steps=config.critic_steps,
        critic=critic,
        critic_lr=config.critic_lr,
        hidden=config.hidden,
    )
    return distill_scores(context, context.teacher, context.levels(config.start), how)
