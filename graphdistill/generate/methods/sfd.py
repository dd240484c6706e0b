r"""Score forgetting distillation: a generator whose draws of one class are those of another, as the others stay.

.. math:: E_{y \ne f}\ L\bigl(D_\phi(\cdot, y), D_\psi(\cdot, y)\bigr) +
    E\ L\bigl(D_\phi(\cdot, o), D_\psi(\cdot, f)\bigr)

where f is the class that is forgotten, o the class that overrides it, and L the squared distance of
:mod:`graphdistill.generate.methods.sim`: where f is asked for, the generator learns the teacher's score of o. No real
entries are read. That f is not drawn is no proof that the weights hold nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphdistill.core.methods import Result
from graphdistill.generate.context import Context
from graphdistill.generate.generator import Generator
from graphdistill.generate.methods import sim
from graphdistill.generate.scores import ScoreTraining, distill_scores
from graphdistill.generate.space import Kind

PAPER = "SFD: Chen et al., 2024, https://arxiv.org/abs/2409.11219"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "digits after 300 updates: 0.000 of the draws of the class are seen as it; other classes 0.991 ± 0.004 as "
        "asked and Frechet 1.369 ± 0.089, where nothing is forgotten 0.990 ± 0.004 and 1.341 ± 0.107"
    ),
    command="python -m graphdistill.bench generate --parts forgetting --methods sfd --datasets digits --steps 300",
    differs="All classes are drawn alike and count alike; the paper's code draws as many of the forgotten class as of "
    "all others, at a hundredth of their weight.",
)
FOR: tuple[Kind, ...] = ("images", "rows", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(sim.Config):
    """Options of score forgetting distillation."""

    distance: Literal["pseudo-huber", "squared"] = "squared"
    """Distance of the scores; squared is SiD, as in the paper."""
    forget: int = 0
    """Class that is forgotten."""
    override: int = 1
    """Class that is drawn where the forgotten one is asked for."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.forget == self.override or self.forget < 0 or self.override < 0:
            raise ValueError(
                f"--forget and --override must be two different classes, got {self.forget} and {self.override}"
            )


def distill(context: Context, config: Config) -> Generator:
    """The generator.

    Raises:
        ValueError: a class that the teacher does not know.
    """
    for name in ("forget", "override"):
        if getattr(config, name) >= context.teacher.num_classes:
            raise ValueError(
                f"--{name} must be a class from 0 to {context.teacher.num_classes - 1}, got {getattr(config, name)}"
            )
    how = ScoreTraining(
        objective=sim.ImplicitMatching(config),
        critic_steps=config.critic_steps,
        last=sim.LAST,
        override={config.forget: config.override},
    )
    return distill_scores(context, context.teacher, context.levels(config.start), how)
