r"""Score implicit matching: a distance of two scores, whose gradient needs no derivative of the critic's training.

.. math:: L = -\frac{y_\sigma^\top \, (D_\psi(x_\sigma) - x)}{\sqrt{\| y_\sigma \|^2 + c^2}}, \qquad
    y_\sigma = D_\psi(x_\sigma) - D_\phi(x_\sigma), \quad x = G(z, y), \quad x_\sigma = x + \sigma \epsilon

with the pseudo-Huber distance; the squared one is score identity distillation (SiD) with :math:`\alpha = 1`, whose
general form is

.. math:: L = \frac{(D_\phi - D_\psi)^\top \bigl((D_\phi - x) - \alpha (D_\phi - D_\psi)\bigr)}
    {\mathrm{mean} | x - D_\phi |}

The gradient flows through x and both networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.generate.context import Context
from graphdistill.generate.generator import Generator
from graphdistill.generate.scores import Draw, ScoreTraining, distill_scores
from graphdistill.generate.space import Kind

PAPER = "SIM: Luo et al., NeurIPS 2024, https://arxiv.org/abs/2410.16794"
RESULT = Result(
    paper="FID 2.06 on CIFAR-10 in one step, 1.96 with classes (from its abstract)",
    ours=(
        "digits: Frechet 1.293 ± 0.225 times that of real images in one step (teacher 1.481 ± 0.183 in 49 "
        "evaluations, 2.560 ± 0.016 in one step)"
    ),
    command="python -m graphdistill.bench generate --datasets digits --methods sim",
    differs="Levels, starting noise and weights are those of SiD's code, since the paper's constants were not found.",
    instead="dmd2 is as good or better at twice the time; where stored bytes count, take the data themselves.",
)
FOR: tuple[Kind, ...] = ("images", "rows", "graphs")
LAST = 0.8
"""Place on the grid of the least noise level of the generator's loss, as in SiD's code."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of score implicit matching."""

    distance: Literal["pseudo-huber", "squared"] = "pseudo-huber"
    """Distance of the scores; squared is SiD."""
    c: float = 0.0
    """Constant c of the pseudo-Huber distance, in roots of an entry's numbers; 0 as in the authors' later code."""
    alpha: float = 1.2
    """Weight of the squared distance, as in SiD's code; 1 is SIM's own."""
    critic_steps: int = 5
    """Updates of the critic for each of the generator's."""
    start: float = 2.5
    """Noise level that the generator starts from, as in SiD's code."""

    def __post_init__(self) -> None:
        if self.critic_steps < 1:
            raise ValueError(f"--critic-steps must be 1 or more, got {self.critic_steps}")
        if not 0 <= self.c < float("inf"):
            raise ValueError(f"--c must be 0 or more, got {self.c}")
        if not 0 < self.start < float("inf"):
            raise ValueError(f"--start must be above 0, got {self.start}")


@dataclass(frozen=True)
class ImplicitMatching:
    """Distance of the scores of teacher and critic.

    Attributes:
        config: distance and constants.
    """

    config: Config

    def generator_loss(self, draw: Draw) -> Tensor:
        """Loss whose gradient flows through the drawn entries and both networks."""
        x = draw.x.flatten(1)
        real: Tensor = draw.teacher(draw.noisy, draw.sigma, draw.target).flatten(1)
        fake: Tensor = draw.critic(draw.noisy, draw.sigma, draw.y).flatten(1)
        apart = fake - real
        if self.config.distance == "squared":
            scale = (x - real).detach().abs().mean(dim=1).clamp_min(1e-5)
            return (apart * (self.config.alpha * -apart + x - real)).sum(dim=1).div(scale).mean()
        length = (apart.square().sum(dim=1) + self.config.c**2 * x.shape[1]).clamp_min(1e-12).sqrt()
        return -((apart * (fake - x)).sum(dim=1) / length).mean()


def distill(context: Context, config: Config) -> Generator:
    """The generator."""
    how = ScoreTraining(objective=ImplicitMatching(config), critic_steps=config.critic_steps, last=LAST)
    return distill_scores(context, context.teacher, context.levels(config.start), how)
