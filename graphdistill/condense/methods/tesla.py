r"""TESLA, trajectory matching by a truncated gradient: a student's step is taken to have no effect on later steps.

.. math:: \frac{dL}{dS} \approx -\alpha \sum_i \frac{\partial}{\partial S}
    \Big(\frac{\partial L}{\partial \theta_K} \cdot \nabla_\theta \ell(S; \theta_i)\Big), \quad \theta_i
    \text{ constant}

The paper calls the gradient exact. It is not: its direction is another one where the student takes long steps (see
:func:`~.unroll.unrolled`). It costs as much as MTT's gradient here, so the method is here for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe
from graphdistill.condense.methods import mtt
from graphdistill.core.methods import MethodConfig, Result

PAPER = "Cui et al., ICML 2023, https://arxiv.org/abs/2211.10586"
RESULT = Result(
    paper=(
        "CIFAR-10, 1, 10 and 50 images a class: 48.5, 66.4 and 72.6 %; ImageNet-1K, 50: 27.9 % (from memory, unchecked)"
    ),
    ours="digits, 1 image a class: 0.952 ± 0.015 (mtt, exact, 0.952 ± 0.021; random images 0.777 ± 0.061)",
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits --per-class 1 --methods random dm "
        "mtt tesla"
    ),
    differs="Labels stay hard; 5 experts of 12 epochs and 100 steps, as in mtt.",
    instead="Use mtt, whose exact gradient costs as much, or dm: 0.959 ± 0.014 in a ninth of the time.",
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of TESLA: those of MTT, its base, that matter most."""

    experts: int = 5
    """Networks trained on the real data, as in MTT; the paper has 100."""
    expert_epochs: int = 12
    """Epochs that an expert is trained for, as in MTT."""
    max_start_epoch: int = 10
    """Latest epoch of an expert that a student starts at, as in MTT."""
    span: int = 2
    """Epochs M of an expert that a student has to match, as in MTT."""
    student_steps: int = 15
    """Steps K of SGD that a student takes on the set, as in MTT."""
    lr: float = 10.0
    """Step size for one image of each class, as in MTT; it is multiplied by the images of a class."""

    def __post_init__(self) -> None:
        for name in ("experts", "expert_epochs", "span", "student_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be 1 or more, got {getattr(self, name)}")
        if not self.lr > 0:
            raise ValueError(f"--lr must be above 0, got {self.lr}")
        if not 0 <= self.max_start_epoch <= self.expert_epochs - self.span:
            raise ValueError(
                f"--max-start-epoch must be from 0 to --expert-epochs less --span, {self.expert_epochs - self.span}, "
                f"got {self.max_start_epoch}"
            )


def recipe(context: MethodContext, config: Config) -> Recipe:
    """MTT's recipe with the truncated gradient.

    The paper's soft labels, predicted by an expert in every step, are left out: ten classes need none (DATM learns its
    labels).
    """
    base = mtt.recipe(context, mtt.shared_config(config))
    assert isinstance(base.objective, mtt.TrajectoryMatch)
    return replace(base, objective=replace(base.objective, unroll="tesla"))
