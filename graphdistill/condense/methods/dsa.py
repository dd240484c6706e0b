r"""DSA: gradient matching under an augmentation that is drawn once for real and synthetic images.

.. math:: L = \sum_c D\big(\nabla_\theta \ell(A_\omega(T_c); \theta), \nabla_\theta \ell(A_\omega(S_c); \theta)\big)

All but the augmentation is as in DC; a draw :math:`\omega` is made for every class and step.
"""

from __future__ import annotations

from dataclasses import replace

from graphdistill.condense.augment import Augment
from graphdistill.condense.methods import dc
from graphdistill.condense.objective import Recipe

PAPER = "Zhao and Bilen, ICML 2021, https://arxiv.org/abs/2102.08259"


def recipe(per_class: int) -> Recipe:
    """DC's recipe with the augmentation; the paper keeps all other values, too."""
    return replace(dc.recipe(per_class), augment=Augment())
