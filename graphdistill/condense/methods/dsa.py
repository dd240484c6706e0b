r"""DSA: gradient matching under an augmentation that is drawn once for real and synthetic images.

.. math:: L = \sum_c D\big(\nabla_\theta \ell(A_\omega(T_c); \theta), \nabla_\theta \ell(A_\omega(S_c); \theta)\big)

All but the augmentation is as in DC; a draw :math:`\omega` is made for every class and step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting
from graphdistill.condense.methods import dc
from graphdistill.core.methods import MethodConfig
from graphdistill.core.training.augment import Augment

PAPER = "Zhao and Bilen, ICML 2021, https://arxiv.org/abs/2102.08259"
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def recipe(setting: Setting, config: Config) -> Recipe:
    """DC's recipe with the augmentation; the paper keeps all other values, too."""
    return replace(dc.recipe(setting, dc.Config()), augment=Augment())
