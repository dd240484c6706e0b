r"""DSA: gradient matching under an augmentation that is drawn once for real and synthetic images.

.. math:: L = \sum_c D\big(\nabla_\theta \ell(A_\omega(T_c); \theta), \nabla_\theta \ell(A_\omega(S_c); \theta)\big)

All but the augmentation is as in DC; :math:`\omega` is drawn for every class and step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe
from graphdistill.condense.methods import dc
from graphdistill.core.methods import Result
from graphdistill.core.training.augment import Augment

PAPER = "Zhao and Bilen, ICML 2021, https://arxiv.org/abs/2102.08259"
RESULT = Result(
    paper=(
        "MNIST, 1, 10 and 50 images a class: 88.7, 97.8 and 99.2 %; CIFAR-10: 28.8, 52.1 and 60.6 % (not measured here)"
    ),
    ours=(
        "digits, 1 image a class: 0.945 ± 0.013 (random images 0.777 ± 0.061); mnist5k, 5,000 images of MNIST, 1: "
        "0.815 ± 0.030 (random images 0.583 ± 0.075)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits mnist5k --per-class 1 --methods "
        "random dm dsa"
    ),
    differs="DC's short schedule: 100 steps and batches of 64, where the paper has 1000 networks and batches of 256.",
    instead=(
        "Use dm: 0.959 ± 0.014 and 0.898 ± 0.012 in less time; with 10 images a class of digits it has 0.993 ± 0.007, "
        "dsa 0.983 ± 0.004, and as many bytes of random images 0.987 ± 0.010."
    ),
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(dc.Config):
    """Options of DSA: those of DC, its base."""


def recipe(context: MethodContext, config: Config) -> Recipe:
    """DC's recipe with augmentation; the paper keeps DC's other values, too."""
    return replace(dc.recipe(context, config), augment=Augment())
