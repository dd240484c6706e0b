r"""Diversity by the base model: the teacher takes the first steps, a distilled student the others.

.. math:: x_{\sigma_{i+1}} = D_\phi + \tfrac{\sigma_{i+1}}{\sigma_i} (x_{\sigma_i} - D_\phi)
    \quad \text{for the first steps, then} \quad x = G(x_{\sigma_k}, y)

Nothing more is trained. The first steps decide what is drawn, and a distilled student varies less there. It is made by
distribution matching (:mod:`graphdistill.generate.methods.dmd2`), whose options this method has, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphdistill.core.methods import Result
from graphdistill.generate.context import Context
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.methods import dmd2
from graphdistill.generate.space import Kind

PAPER = "Gandikota and Bau, 2025, https://arxiv.org/abs/2503.10637"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits: spread within a class 0.130 ± 0.004 with one step of the teacher, 0.136 ± 0.005 of dmd2 alone, "
    "0.139 ± 0.004 of the teacher",
    command="python -m graphdistill.bench generate --datasets digits --methods dmd2 diversity-distillation",
    differs="The student begins where the teacher's steps end, at its own first level.",
    instead="dmd2 alone, which varies as its teacher does.",
)
FOR: tuple[Kind, ...] = ("images", "rows", "graphs")


@dataclass(frozen=True, kw_only=True)
class Config(dmd2.Config):
    """Options of diversity by the base model."""

    base_steps: int = 1
    """First steps of the teacher, each an evaluation more, or two with guidance."""
    guidance: float = 0.0
    """Strength of guidance in the teacher's steps."""

    def __post_init__(self) -> None:
        dmd2.Config.__post_init__(self)
        if self.base_steps < 1:
            raise ValueError(f"--base-steps must be 1 or more, got {self.base_steps}")
        if not 0 <= self.guidance < float("inf"):
            raise ValueError(f"--guidance must be 0 or more, got {self.guidance}")


def distill(context: Context, config: Config) -> Generator:
    """The student after the first steps of the teacher."""
    student = dmd2.distill(context, config)
    return with_base(student, context.teacher, config.base_steps, config.guidance)


def with_base(student: Generator, teacher: Denoiser, base_steps: int, guidance: float = 0.0) -> Generator:
    """A generator whose first steps are those of the teacher, from the highest noise level to the student's first.

    Args:
        student: the distilled generator, of one denoiser.
        teacher: the teacher.
        base_steps: steps of the teacher.
        guidance: strength of guidance in them. (default: 0)

    Raises:
        ValueError: the student begins at the teacher's highest level, so that no step is left for the teacher.
    """
    first, highest = student.steps[0].sigma, teacher.schedule.sigma_max
    if first >= highest:
        raise ValueError(f"--start must be below the teacher's highest noise level {highest:g}, got {first:g}")
    grid = replace(teacher.schedule, sigma_min=first).sigmas(base_steps + 1)[:-1].tolist()
    steps = [Step(sigma=level, model=1, guidance=guidance, move="ode") for level in grid]
    model = student.models[0]
    assert isinstance(model, Denoiser)
    return Generator([model, teacher], [*steps, *student.steps], student.space)
