"""A step on easy images, for tests of objectives."""

from __future__ import annotations

from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.matching.objective import Step
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import scoped
from graphdistill.core.training.augment import Augment
from tests.condense.samples import real, seeded


def step_of(
    augment: Augment, *, per_class: int = 1, classes: int = 3, seed: int = 0, fraction_done: float = 0.5
) -> Step:
    images = real(classes=classes)
    index = images.sample_indices(per_class, seeded(seed + 7))
    with scoped(seed, "weights"):
        net = ConvNet(images.shape, classes, width=4)
    return Step(LearnableSet(images.x[index], images.y[index]), images, net, augment, seeded(seed), fraction_done)
