r"""KRR-ST: unlabelled images with targets, from which ridge regression predicts a self-supervised network.

.. math:: L = \frac{1}{|T|} \Big\| \psi(T) \psi(S)^\top
    \Big(\psi(S) \psi(S)^\top + \lambda \, \mathrm{tr} \big(\psi(S) \psi(S)^\top\big) I\Big)^{-1} Y_S - g(T) \Big\|^2

:math:`g` was trained by Barlow Twins on all images without labels, :math:`\psi` is the input of the last layer of a
network that learns the targets between the steps, and 1. Images and targets are learnt. A network that learnt the
targets of the set has features that a linear probe reads with few labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.data.unlabelled import TARGETS, UnlabelledImages
from graphdistill.condense.matching.objective import MethodContext, Recipe, Step
from graphdistill.condense.matching.ridge import ridge
from graphdistill.condense.matching.schedule import Schedule
from graphdistill.condense.methods.k_means_nearest import representatives
from graphdistill.core.evaluation.probe import ProbeProtocol
from graphdistill.core.evaluation.protocol import SELECTION_SEED
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import generator
from graphdistill.core.training.augment import Augment
from graphdistill.core.training.fit import chunks

PAPER = "Lee et al., ICLR 2024, https://arxiv.org/abs/2310.06511"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "digits, linear probe of 50 labels after learning 10 unlabelled images: 0.9323 ± 0.0186 (10 random images "
        "0.9001 ± 0.0171, untrained network 0.8678 ± 0.0519, all 1,439 images 0.9553 ± 0.0194); 50 images: 0.9435 ± "
        "0.0120 (50 random images 0.9429 ± 0.0253)"
    ),
    command="python -m graphdistill.bench condense --parts probe --datasets digits --methods krr-st",
    differs=(
        "A small network that Barlow Twins trains here gives 32 targets, which are stored in steps of 1/16; one "
        "network after another is matched instead of a pool of ten; the set begins near k means of targets."
    ),
    instead=(
        "Use it for a few images: 50 are no better than 50 random ones, and the bytes of 10 learnt ones hold 18 random "
        "ones, which have 0.9236 ± 0.0112."
    ),
)
FOR: tuple[Kind, ...] = ("unlabelled images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of KRR-ST."""

    lr: float = 0.01
    """Step size of Adam for pixels (on validation of digits, ten images, 0.003 learns less and 0.03 no more)."""
    targets_lr: float = 0.03
    """Step size of Adam for targets, which deviate by 1."""
    ridge: float = 1e-6
    """Ridge as a share of the trace (the paper's value)."""
    batch: int = 256
    """Real images in a step, augmented; the paper has 1024."""
    matches_per_network: int = 10
    """Steps that a network is matched for; the paper has a pool of networks of different age instead."""
    network_steps: int = 20
    """Training steps on the set between two matches of a network; the paper has one for each match of one of ten
    networks."""
    network_lr: float = 0.1
    """Step size of that training (the paper's value)."""

    def __post_init__(self) -> None:
        for name in ("lr", "ridge", "network_lr"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {getattr(self, name)}")
        for name in ("batch", "matches_per_network"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be 1 or more, got {getattr(self, name)}")
        for name in ("targets_lr", "network_steps"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"--{name.replace('_', '-')} must be 0 or more, got {getattr(self, name)}")


@dataclass(frozen=True)
class TargetRidge:
    """Squared error on targets of real images of ridge regression on features of a network, fitted to the set.

    Attributes:
        share: ridge, as a share of the trace. (default: 1e-6)
        batch: real images in a step. (default: 256)
        augment: augmentation of each real image. (default: all of them)
    """

    share: float = 1e-6
    batch: int = 256
    augment: Augment = field(default_factory=Augment)

    def accumulate(self, step: Step) -> float:
        """Two forward passes of real images, one forward and backward pass of the set, one solution in closed form."""
        assert isinstance(step.real, UnlabelledImages)
        x, _ = step.real.sample(self.batch, step.generator)
        x = self.augment.each(x, step.generator)
        with torch.no_grad():
            wanted = torch.cat([step.real.encoder(part) for part in chunks(x)]).double()
            theirs = features(torch.cat([step.net.embed(part) for part in chunks(x)]))
        ours = features(step.net.embed(step.synthetic.inputs()))
        guess = ridge(ours @ ours.T, theirs @ ours.T, step.synthetic.labels.double(), self.share * len(ours))
        return step.synthetic.backward((guess - wanted).square().sum(dim=1).mean())


def features(embedding: Tensor) -> Tensor:
    """Embeddings and a constant 1, double ``[n, d + 1]``."""
    return torch.cat([embedding.double(), torch.ones_like(embedding[:, :1], dtype=torch.float64)], dim=1)


def recipe(context: MethodContext, config: Config) -> Recipe:
    """KRR-ST's recipe: 300 steps of Adam with a cosine, from the images nearest to means of targets.

    The best set is the one from which a network predicts the targets of validation images with the least error, for
    which no label is read; a linear probe of few labels varies more than sets do.
    """
    real, protocol = context.real, context.protocol
    assert isinstance(real, UnlabelledImages)
    assert isinstance(protocol, ProbeProtocol)
    draws = generator(context.seed, "representatives")
    index = representatives(real, real.targets.cpu(), context.per_class, draws)
    return Recipe(
        objective=TargetRidge(config.ridge, config.batch),
        schedule=Schedule(outer=config.matches_per_network, inner=config.network_steps, lr=config.network_lr),
        steps=300,
        lr={"x": config.lr, TARGETS: config.targets_lr},
        optimizer="adam",
        cosine=True,
        start=real.init_from(index),
        validate=lambda synthetic: -protocol.pretrained(synthetic, SELECTION_SEED)[1].valid,
    )
