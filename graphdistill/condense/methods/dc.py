r"""DC, gradient matching: gradients of a network on real and on synthetic images of a class, layer by layer.

.. math:: L = \sum_c D\big(\nabla_\theta \ell(T_c; \theta), \nabla_\theta \ell(S_c; \theta)\big)

:math:`D` is :func:`~graphdistill.condense.matching.objective.row_distance`, :math:`\ell` the mean cross-entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe, Step, gradient, row_distance
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.training.augment import NO_AUGMENT

PAPER = "Zhao et al., ICLR 2021, https://arxiv.org/abs/2006.05929"
RESULT = Result(
    paper=(
        "MNIST, 1, 10 and 50 images a class: 91.7, 97.4 and 98.8 %; CIFAR-10: 28.3, 44.9 and 53.9 % (not measured here)"
    ),
    ours=(
        "digits, 1 image a class: 0.942 ± 0.013 (random images 0.777 ± 0.061); mnist5k, 5,000 images of MNIST, 1: "
        "0.809 ± 0.032 (random images 0.583 ± 0.075)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits mnist5k --per-class 1 --methods "
        "random dm dc"
    ),
    differs="100 steps and batches of 64, where the paper has 1000 networks and batches of 256.",
    instead="Use dm: 0.959 ± 0.014 and 0.898 ± 0.012 in less time.",
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of DC."""

    lr: float = 0.01
    """Step size. The paper has 0.1 on images of unit deviation, and pixels from 0 to 1 deviate by about 0.3, whose
    square times 0.1 is 0.01 (on validation of digits, one image a class, 0.1 loses ten points)."""
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


@dataclass(frozen=True)
class GradientMatch:
    """Distance of gradients, class by class.

    Attributes:
        batch: real images of a class in a step.
    """

    batch: int = 64

    def accumulate(self, step: Step) -> float:
        """Two gradients for each class; that of the set is differentiated again."""
        total = 0.0
        for label in range(step.real.num_classes):
            view, index = step.view(), step.synthetic.y == label
            x, y = step.real.sample(self.batch, step.generator, label)
            wanted = gradient(step.net, view(x), y)
            ours = gradient(
                step.net, view(step.synthetic.inputs(index)), step.synthetic.labels[index], differentiable=True
            )
            loss = row_distance(ours, wanted)
            total += step.synthetic.backward(loss)
        return total


def recipe(context: MethodContext, config: Config) -> Recipe:
    """DC's recipe: 100 steps, for CPUs; the paper takes 1000 networks."""
    matches = config.matches_per_network or (1 if context.per_class == 1 else 5)
    return Recipe(
        objective=GradientMatch(config.batch),
        # A network that is matched once is never trained.
        schedule=Schedule() if matches == 1 else Schedule(outer=matches, inner=config.network_steps),
        augment=NO_AUGMENT,
        steps=100,
        lr=config.lr,
    )
