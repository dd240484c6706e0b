r"""Dataset Reinforcement: random real images with stored views, each with the labels of teachers for just this view.

.. math:: y_{ir} = \mathrm{top}_k \, \frac{1}{K} \sum_k \mathrm{softmax}\big( f_k(A_{\theta_{ir}}(x_i)) / T \big)

:math:`\theta_{ir}` are the numbers of the r-th of R views of an image. They come from one stored seed, so 8 bytes
replay all of them bit for bit; labels are stored, the k largest probabilities of each view. A training replays views
instead of making its own, at the same cost of a step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphdistill.condense.data.images import TrainingImages
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.matching.teachers import train_teachers
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import generator
from graphdistill.core.sets.replays import Replays
from graphdistill.core.sets.synthetic import SyntheticSet, to_uint8
from graphdistill.core.sets.views import views
from graphdistill.core.training.fit import predict

PAPER = "Faghri et al., ICCV 2023, https://arxiv.org/abs/2303.08983"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "cifar10_subset, 50 images a class, 20 views, two sets: 0.492 ± 0.005 (the same images with their "
        "classes, equal steps 0.411 ± 0.009); labels take 6 % more bytes"
    ),
    command=(
        "python -m graphdistill.bench condense --parts expansions --datasets cifar10_subset --per-class 50 "
        "--methods random random-kd reinforcement --trainings 1"
    ),
    differs="Views come from a stored seed instead of stored numbers; no pairs of images are mixed.",
    instead="Where random images are nearly as good as all the data, such as 500 of digits/usps, use random-kd.",
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of dataset reinforcement."""

    views: int = 20
    """Views R of each image; the paper has 50 to 400, and finds 50 as good as 400."""
    strength: int = 100
    """Strength of all changes of a view, in percent of 15 degrees, 15 % of size, 10 % of position and of light."""
    teachers: int = 1
    """Teachers whose probabilities are averaged (the paper has an ensemble)."""
    temperature: float = 1.0
    """Temperature of the teachers' softmax (the paper's value)."""
    top: int = 5
    """Largest probabilities that are stored of each view (the paper has 10 of 100 or 1,000 classes)."""

    def __post_init__(self) -> None:
        for name, least, most in (("views", 1, 1000), ("strength", 0, 300), ("teachers", 1, 100), ("top", 1, 1000)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"--{name} must be from {least} to {most}, got {getattr(self, name)}")
        if not self.temperature > 0:
            raise ValueError(f"--temperature must be above 0, got {self.temperature}")


def select(context: MethodContext, config: Config) -> SyntheticSet:
    """Random images of each class, the same ones as of ``random``, with views and their labels."""
    images, replays = replayed(context, config.views, config.strength)
    labels = probabilities(train_teachers(context, config.teachers), views(images, *replays), config.temperature)
    return SyntheticSet.expanded(Replays.of(images, replays, largest(labels, config.top)))


def replayed(context: MethodContext, count: int, strength: int) -> tuple[Tensor, tuple[int, int, int]]:
    """The images of ``random``, uint8, and the seed, number and strength of their views."""
    real = context.real
    assert isinstance(real, TrainingImages)
    index = real.sample_indices(context.per_class, generator(context.seed, "select"))
    seed = int(torch.randint(2**31, (), generator=generator(context.seed, "views")))
    return to_uint8(real.x[index].cpu()), (seed, count, strength)


def probabilities(teachers: list[nn.Module], pixels: Tensor, temperature: float) -> Tensor:
    """Mean of the teachers' probabilities of images in bytes, ``[n, C]``."""
    x = pixels.float() / 255
    return torch.stack([(predict(net, x) / temperature).softmax(dim=1) for net in teachers]).mean(dim=0)


def largest(labels: Tensor, count: int) -> Tensor:
    """The ``count`` largest probabilities of each row, which sum to 1; the others are 0.

    Example:
        >>> largest(torch.tensor([[0.6, 0.2, 0.2, 0.0]]), 1).tolist()
        [[1.0, 0.0, 0.0, 0.0]]
    """
    value, index = labels.topk(min(count, labels.shape[1]), dim=1)
    return torch.zeros_like(labels).scatter_(1, index, value / value.sum(dim=1, keepdim=True))
