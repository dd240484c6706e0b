r"""DSA: gradient matching under an augmentation that is drawn once for real and synthetic images.

.. math:: L = \sum_c D\big(\nabla_\theta \ell(A_\omega(T_c); \theta), \nabla_\theta \ell(A_\omega(S_c); \theta)\big)

All but the augmentation is as in DC; :math:`\omega` is drawn for every class and step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe
from graphdistill.condense.methods import dc
from graphdistill.core.training.augment import Augment

PAPER = "Zhao and Bilen, ICML 2021, https://arxiv.org/abs/2102.08259"
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(dc.Config):
    """Options of DSA: those of DC, its base."""


def recipe(context: MethodContext, config: Config) -> Recipe:
    """DC's recipe with augmentation; the paper keeps DC's other values, too."""
    return replace(dc.recipe(context, config), augment=Augment())
