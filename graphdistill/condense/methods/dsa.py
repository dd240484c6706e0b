r"""DSA: gradient matching under an augmentation that is drawn once for real and synthetic images.

.. math:: L = \sum_c D\big(\nabla_\theta \ell(A_\omega(T_c); \theta), \nabla_\theta \ell(A_\omega(S_c); \theta)\big)

All but the augmentation is as in DC; :math:`\omega` is drawn for every class and step.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe
from graphdistill.condense.methods import dc
from graphdistill.core.methods import MethodConfig
from graphdistill.core.training.augment import Augment

PAPER = "Zhao and Bilen, ICML 2021, https://arxiv.org/abs/2102.08259"
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of DSA: those of DC, its base."""

    lr: float = 0.01
    """Step size, DC's. The paper has 0.1 on images of unit deviation, and pixels from 0 to 1 deviate by about 0.3,
    whose square times 0.1 is 0.01 (on validation of digits, one image a class, 0.1 loses ten points)."""
    batch: int = 64
    """Real images of each class in a step; the paper has 256, which costs CPUs four times as much."""
    matches_per_network: int | None = None
    """Steps that a network is matched for (default: 1 for one image of each class, as in the paper, else 5, where the
    paper has 10)."""
    network_steps: int = 5
    """Training steps on the set between two matches of a network; the paper has 50 epochs. Five matches and five steps
    cost a tenth, and networks have still learnt something from the set."""

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise ValueError(f"--lr must be above 0, got {self.lr}")
        if self.batch < 1:
            raise ValueError(f"--batch must be 1 or more, got {self.batch}")
        if self.matches_per_network is not None and self.matches_per_network < 1:
            raise ValueError(f"--matches-per-network must be 1 or more, got {self.matches_per_network}")
        if self.network_steps < 0:
            raise ValueError(f"--network-steps must be 0 or more, got {self.network_steps}")


def recipe(context: MethodContext, config: Config) -> Recipe:
    """DC's recipe with augmentation; the paper keeps DC's other values, too."""
    return replace(dc.recipe(context, dc.Config(**asdict(config))), augment=Augment())
