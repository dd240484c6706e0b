r"""MEAL V2: the student has the mean of several teachers' probabilities as its only target.

.. math:: L = - \sum_c \bar p_c \log \mathrm{softmax}(z_s)_c + \lambda \, L_D, \quad
    \bar p = \frac{1}{M} \sum_m \mathrm{softmax}(z_m)

There are no labels and no temperature. :math:`L_D` is the loss of a discriminator of the student's log-probabilities
from the teachers', off by default. Here the student's gradient of it is reversed, so that the student becomes harder to
tell from its teachers. The released code has no such reversal: one optimizer lowers the discriminator's loss by both
networks, which makes the student easier to tell from them; what helps there is the mean of the probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import scoped
from graphdistill.kd.data.view import Kind
from graphdistill.kd.losses.discriminator import AdversarialLoss
from graphdistill.kd.losses.kl import log_probabilities
from graphdistill.kd.objective import Batch, Context, Objective

PAPER = "Shen and Savvides, 2020, https://arxiv.org/abs/2009.08453"
RESULT = Result(
    paper="ImageNet-1k, ResNet-50: 0.8067 in the abstract, not checked here",
    ours="cora, three networks to an MLP: 80.81 ± 1.81 (best single teacher 80.59 ± 1.60, vote 80.51 ± 1.70)",
    command="python -m graphdistill.bench kd --parts teachers",
    differs="The student starts from new weights instead of trained ones; the discriminator is off, and has reversed "
    "gradients where it is on.",
    instead="The best of the teachers on validation: the mean of three small networks is no better within the noise.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of MEAL V2."""

    ensemble: int = 3
    """Teachers of different seeds that the command trains where --teacher names one network; the paper has two large
    ones of different kinds."""
    discriminator: float = 0.0
    """Weight of the loss of the discriminator, with reversed gradients (default: there is none, as what it does in the
    released code is the opposite of its purpose)."""

    def __post_init__(self) -> None:
        if self.ensemble < 1:
            raise ValueError(f"--ensemble must be 1 or more, got {self.ensemble}")
        if not 0 <= self.discriminator < float("inf"):
            raise ValueError(f"--discriminator must be 0 or more, got {self.discriminator}")


def objective(context: Context, config: Config) -> Objective:
    """Cross-entropy to the teachers' probabilities, and the discriminator if it has a weight."""
    adversary = None
    if config.discriminator:
        with scoped(context.seed, "kd", "meal-v2"):
            adversary = AdversarialLoss(context.probe()[1].logits.shape[1])

    def loss(batch: Batch) -> Tensor:
        student, teacher = batch.student.logits, batch.teacher.logits
        value = -(teacher.softmax(1) * log_probabilities(student)).sum(1)
        if adversary is not None:
            extra: Tensor = adversary(student, teacher)
            value = torch.add(value, extra, alpha=config.discriminator)
        return value

    return Objective(loss=loss, module=adversary)
