r"""TESLA, trajectory matching by a truncated gradient: what a student's step learns is taken to move no later step.

.. math:: \frac{dL}{dS} \approx -\alpha \sum_i \frac{\partial}{\partial S}
    \Big(\frac{\partial L}{\partial \theta_K} \cdot \nabla_\theta \ell(S; \theta_i)\Big), \quad \theta_i
    \text{ constant}

The paper calls it exact; it is not, and points elsewhere where the student's way is long (see
:func:`~.unroll.unrolled`). It costs as much as MTT's here, so it is there to be compared with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting
from graphdistill.condense.methods import mtt
from graphdistill.core.methods import MethodConfig

PAPER = "Cui et al., ICML 2023, https://arxiv.org/abs/2211.10586"
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def recipe(setting: Setting, config: Config) -> Recipe:
    """MTT's recipe with the truncated gradient.

    The paper's soft labels, which an expert gives anew in every step, are left out: ten classes need none (DATM learns
    its labels).
    """
    base = mtt.recipe(setting, mtt.Config())
    assert isinstance(base.objective, mtt.TrajectoryMatch)
    return replace(base, objective=replace(base.objective, unroll="tesla"))
