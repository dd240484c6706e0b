r"""AST, trajectory matching of smooth experts: a student is also compared on its way, from representative images on.

.. math:: L = \sum_{i=1}^{M} \frac{\|\theta_{i \lfloor K/M \rfloor}(S) - \theta^*_{t+i}\|^2}
    {\|\theta^*_t - \theta^*_{t+i}\|^2}

Experts are trained with :class:`~graphdistill.condense.matching.experts.Smoothness`. The set begins with the images
nearest to k means of an expert's features. The loss of a student grows with the epoch t that it starts at, as its
gradients shrink, and every step of it is taken at weights of convolutions that are moved by a random share.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.experts import Smoothness
from graphdistill.condense.matching.objective import MethodContext, Recipe, Step
from graphdistill.condense.matching.teachers import embeddings
from graphdistill.condense.matching.unroll import FlatNetwork
from graphdistill.condense.methods import k_means_nearest, mtt
from graphdistill.core.methods import Result
from graphdistill.core.randomness import generator

PAPER = "Shen et al., 2023, https://arxiv.org/abs/2310.10541"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "digits, 10 images a class: 0.9888 ± 0.0105 (mtt 0.971 ± 0.014, random images 0.981 ± 0.009); mnist5k: not "
        "measured"
    ),
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits --per-class 10 --methods random "
        "k-means-nearest mtt smooth-experts"
    ),
    differs=(
        "5 experts of 12 epochs by plain SGD and 100 steps, where the paper has 100 experts by SGD with momentum; a "
        "twentieth of the gradient penalty."
    ),
    instead=(
        "Use dm: 0.993 ± 0.007 in a quarter of the time; in two of three sets nothing is learnt after the start, and "
        "as many bytes of random images have 0.987 ± 0.010."
    ),
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(mtt.Config):
    """Options of AST: those of MTT, its base, and five."""

    penalty: float = 0.1
    """Weight of the gradient penalty of the experts. The paper's code has 2; on validation of digits, ten a class,
    the start that such experts choose has 0.987, with 0.1 or none 0.994."""
    first_factor: float = 0.5
    """Factor of an expert's loss in its first epoch (the paper's code)."""
    ramp: int = 10
    """Epochs over which that factor grows to 1 (the paper's code)."""
    balance: float = 5.0
    """Base of the logarithm by which the loss of a student grows with the epoch that it starts at (the paper's
    code)."""
    perturbation: float = 1.0
    """Norm of the random relative change of the weights of a convolution in each step of a student (the paper's
    code)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("penalty", "perturbation"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"--{name} must be 0 or more, got {getattr(self, name)}")
        if not 0 < self.first_factor <= 1:
            raise ValueError(f"--first-factor must be above 0 and at most 1, got {self.first_factor}")
        if self.ramp < 1:
            raise ValueError(f"--ramp must be 1 or more, got {self.ramp}")
        if not self.balance > 1:
            raise ValueError(f"--balance must be above 1, got {self.balance}")


@dataclass(frozen=True)
class SmoothMatch(mtt.TrajectoryMatch):
    """Distances of a student to all epochs of its way, with losses balanced by epoch and moved weights.

    Attributes:
        balance: base b of the logarithm in :meth:`factor`. (default: 5)
        perturbation: norm of the random relative change of each convolution. (default: 1)
    """

    balance: float = 5.0
    perturbation: float = 1.0

    def targets(self, path: Tensor, first: int) -> dict[int, Tensor]:
        """Every epoch of the span, at even distances of the steps."""
        pace = self.steps // self.span
        return {self.steps if i == self.span else i * pace: path[first + i] for i in range(1, self.span + 1)}

    def factor(self, first: int) -> float:
        r"""Factor of the loss of a student that starts at epoch s, with m the middle of the window.

        .. math:: \log_b(s - m + 8) \text{ for } s \ge m, \quad 1 / \log_b(m - s + 8) \text{ before}
        """
        late = first - self.window.latest / 2
        size = math.log(abs(late) + 8, self.balance)
        return size if late >= 0 else 1 / size

    def student_loss(self, step: Step, first: int) -> Callable[[int, Tensor], Tensor]:
        """MTT's loss of a step, times a factor, at moved weights."""
        plain, factor = super().student_loss(step, first), self.factor(first)
        shares = [moved(self.network, self.perturbation, step.generator) for _ in range(self.steps)]
        return lambda i, theta: factor * plain(i, theta * shares[i].to(theta.device))


def moved(network: FlatNetwork, strength: float, draws: torch.Generator) -> Tensor:
    """Factors of all weights, ``[P]``: 1, and in each convolution 1 plus Gaussian noise of norm ``strength``.

    Example:
        >>> factors = moved(FlatNetwork(nn.Conv2d(1, 2, 3)), 0.5, torch.Generator().manual_seed(0))
        >>> round((factors - 1)[:18].norm().item(), 4), factors[18:].tolist()
        (0.5, [1.0, 1.0])
    """
    parts = []
    for shape in network.shapes.values():
        noise = torch.zeros(shape.numel())
        if len(shape) == 4:
            noise = torch.randn(shape.numel(), generator=draws)
            noise = strength * noise / noise.norm()
        parts.append(1 + noise)
    return torch.cat(parts)


def recipe(context: MethodContext, config: Config) -> Recipe:
    """AST's recipe: MTT's with smooth experts, another start and another loss.

    Step sizes do not grow with the images of a class: with MTT's, sets of ten of each class of digits only get worse on
    validation than what they begin with.
    """
    smoothness = Smoothness(config.penalty, config.first_factor, config.ramp)
    base = mtt.recipe_of(context, config, replace(mtt.expert_training(config), smoothness=smoothness))
    match, real = base.objective, context.real
    assert isinstance(match, mtt.TrajectoryMatch)
    assert isinstance(base.lr, dict)
    net = match.network.net
    nn.utils.vector_to_parameters(match.experts[0, -1], net.parameters())
    draws = generator(context.seed, "representatives")
    index = k_means_nearest.representatives(real, embeddings(context, net), context.per_class, draws)
    return replace(
        base,
        objective=SmoothMatch(**vars(match), balance=config.balance, perturbation=config.perturbation),
        lr={**base.lr, "x": config.lr},
        start=mtt.student(real.init_from(index), config.student_lr),
    )
