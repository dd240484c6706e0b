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
from graphdistill.core.methods import Result

PAPER = "Cui et al., ICML 2023, https://arxiv.org/abs/2211.10586"
RESULT = Result(
    paper=(
        "CIFAR-10, 1, 10 and 50 images a class: 48.5, 66.4 and 72.6 %; ImageNet-1K, 50: 27.9 % (from memory, "
        "unchecked; not measured here)"
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
class Config(mtt.Config):
    """Options of TESLA: those of MTT, its base."""


def recipe(context: MethodContext, config: Config) -> Recipe:
    """MTT's recipe with the truncated gradient.

    The paper's soft labels, predicted by an expert in every step, are left out: ten classes need none (DATM learns its
    labels).
    """
    base = mtt.recipe(context, config)
    assert isinstance(base.objective, mtt.TrajectoryMatch)
    return replace(base, objective=replace(base.objective, unroll="tesla"))
