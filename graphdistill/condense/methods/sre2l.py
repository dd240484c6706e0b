r"""SRe2L, squeeze, recover and relabel: images that a trained network classifies well and that match its statistics.

.. math:: L = \sum_j \mathrm{CE}\big(\theta(A(S_j)), y\big) + r \sum_l w_l \big(\|\mu_l(A(S_j)) - \mu_l\|
    + r_{var} \|\sigma^2_l(A(S_j)) - \sigma^2_l\|\big)

:math:`\theta` is a teacher with batch norm that was trained on all the data, :math:`\mu_l, \sigma^2_l` are the running
statistics of its layer l, :math:`S_j` is the j-th image of every class and :math:`A` a random crop. The images begin as
noise, and end with the teacher's soft labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.condense.data.images import TrainingImages
from graphdistill.condense.data.learnable import LearnableSet, frozen
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext, Recipe, Step
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.sets.synthetic import SyntheticSet, quantize_uint8
from graphdistill.core.training.fit import fit

PAPER = "Yin et al., NeurIPS 2023, https://arxiv.org/abs/2306.13092"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits, 10 images a class: 0.827 ± 0.037 (random images 0.981 ± 0.009)",
    command=(
        "python -m graphdistill.bench condense --parts methods --datasets digits --per-class 10 --methods random sre2l"
    ),
    differs=(
        "A small ConvNet as the teacher, statistics of weight 3 instead of 0.01, one static soft label an image, "
        "and no shifts."
    ),
    instead="Use dm; where no real image may be the start, cda: 0.9094 ± 0.0152.",
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of SRe2L."""

    lr: float = 0.05
    """Step size of Adam. The papers have 0.1 to 0.25 on images of unit deviation; pixels from 0 to 1 deviate by about
    0.3, so 0.03 to 0.08."""
    statistics: float = 3.0
    """Weight of the batch norm statistics. The paper has 0.01; where a round is ten images and not hundreds, and a
    teacher is nearly certain, they must count for more (on validation of digits, ten images a class, hard labels: 73 %
    with 0.1, 82 % with 1, 87 % with 3, 79 % with 10)."""
    variance: float = 1.0
    """Weight of variances relative to means (the paper's value)."""
    first_layer: float = 10.0
    """Weight of the first layer's statistics relative to the other layers (the paper's value)."""
    smallest_crop: float = 0.08
    """Smallest share of an image that a random crop keeps (the paper's value)."""
    max_aspect_ratio: float = 4 / 3
    """Largest ratio of a crop's sides, relative to those of the image (the paper's value)."""

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise ValueError(f"--lr must be above 0, got {self.lr}")
        for name in ("statistics", "variance", "first_layer"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"--{name.replace('_', '-')} must be 0 or more, got {getattr(self, name)}")
        if not 0 < self.smallest_crop <= 1:
            raise ValueError(f"--smallest-crop must be above 0 and at most 1, got {self.smallest_crop}")
        if not self.max_aspect_ratio >= 1:
            raise ValueError(f"--max-aspect-ratio must be 1 or more, got {self.max_aspect_ratio}")


@dataclass(frozen=True)
class Recover:
    """Cross-entropy of teachers and distance to their running statistics.

    Attributes:
        teachers: networks in evaluation mode, one for the j-th images each, or one for all.
        statistics: weight r of the distance of statistics.
        variance: weight of variances relative to means.
        curriculum: share of the steps over which the smallest crop falls from the whole image to ``smallest_crop``.
        first_layer: weight of the first layer's statistics relative to the other layers.
        smallest_crop: smallest share of an image that a crop keeps in the end.
        max_aspect_ratio: largest ratio of a crop's sides, relative to those of the image.
    """

    teachers: Sequence[ConvNet]
    statistics: float = 3.0
    variance: float = 1.0
    curriculum: float = 0.0
    first_layer: float = 10.0
    smallest_crop: float = 0.08
    max_aspect_ratio: float = 4 / 3

    def accumulate(self, step: Step) -> float:
        """A forward and backward pass of the images of each teacher, with statistics of each round by itself."""
        low, total = least_share(step.fraction_done, self.curriculum, self.smallest_crop), 0.0
        for teacher, index in zip(self.teachers, rounds(step.synthetic.y).chunk(len(self.teachers)), strict=True):
            part = index.flatten()
            x = step.synthetic.inputs(part)
            x = crop(x, torch.rand(len(index), 4, generator=step.generator).to(x.device), low, self.max_aspect_ratio)
            logits, distance = forward_with_statistics(teacher, x, len(index), self.variance, self.first_layer)
            loss = len(index) * F.cross_entropy(logits, step.synthetic.y[part]) + self.statistics * distance
            total += step.synthetic.backward(loss)
        return total


class Relabelled(LearnableSet):
    """Images that are learnt with their hard labels, and stored with soft labels of a teacher.

    Args:
        x: first images.
        y: class of each.
        teacher: network in evaluation mode.
    """

    def __init__(self, x: Tensor, y: Tensor, teacher: nn.Module):
        super().__init__(x, y)
        self.teacher = teacher

    @torch.no_grad()
    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The images, 8 bits a pixel, with the teacher's soft labels, a byte a class; on the CPU."""
        return frozen(self.x, self.teacher(quantize_uint8(self.x)).softmax(dim=1), meta)


def squeeze(context: MethodContext, number: int = 0) -> ConvNet:
    """A teacher with batch norm, trained on the training images, in evaluation mode and without gradients.

    Args:
        context: data, protocol, seed.
        number: of the teacher; each has other weights. (default: 0)
    """
    real, protocol = context.real, context.protocol
    assert isinstance(real, TrainingImages)
    with scoped(context.seed, "teacher", *([number] if number else [])):
        teacher = real.network(norm="batch")
    with context.progress.step("training the teacher") as advance:
        fit(
            teacher,
            real.x,
            real.y,
            valid=cast(tuple[Tensor, Tensor], protocol.split("valid")),
            metric=protocol.metric,
            task=protocol.task,
            config=protocol.fit,
            augment=protocol.augment,
            seed=context.seed,
        )
        advance(1)
    return teacher.eval().requires_grad_(False)


def noise(context: MethodContext) -> tuple[Tensor, Tensor]:
    """Noise with the mean and deviation of every channel of the real images, and classes that follow one another."""
    real, draws = context.real, generator(context.seed, "noise")
    assert isinstance(real, TrainingImages)
    y = torch.arange(real.num_classes).repeat_interleave(context.per_class)
    mean, deviation = (f(real.x, dim=(0, 2, 3), keepdim=True) for f in (torch.mean, torch.std))
    noise = torch.randn(len(y), *real.shape, generator=draws).to(real.device)
    return (mean + deviation * noise).clamp(0, 1), y.to(real.device)


def rounds(y: Tensor) -> Tensor:
    """Indices of the first entry of every class, of the second one of every class, and so on, long ``[rounds, C]``.

    Example:
        >>> rounds(torch.tensor([0, 0, 1, 1])).tolist()
        [[0, 2], [1, 3]]
    """
    return torch.stack([(y == label).nonzero().view(-1) for label in y.unique()], dim=1)


def forward_with_statistics(
    teacher: ConvNet, x: Tensor, rounds: int, variance: float, first_layer: float
) -> tuple[Tensor, Tensor]:
    """Logits, and the weighted distance of batch statistics to the running ones, summed over layers and rounds.

    Args:
        teacher: network with batch norm, in evaluation mode.
        x: images, round by round.
        rounds: number of rounds; each has statistics of its own.
        variance: weight of variances relative to means.
        first_layer: weight of the first layer relative to the others.
    """
    distances: list[Tensor] = []
    for block in teacher.blocks:
        convolution, norm, *rest = cast(nn.Sequential, block)
        z = convolution(x)
        seen = z.unflatten(0, (rounds, -1))
        mean = (seen.mean(dim=(1, 3, 4)) - norm.running_mean).norm(dim=1)
        deviation = (seen.var(dim=(1, 3, 4), correction=0) - norm.running_var).norm(dim=1)
        distances.append((1.0 if distances else first_layer) * (mean + variance * deviation).sum())
        x = norm(z)
        for layer in rest:
            x = layer(x)
    return teacher.head(x.flatten(1)), torch.stack(distances).sum()


def least_share(fraction_done: float, curriculum: float, smallest: float = 0.08) -> float:
    """Smallest share of an image that a crop keeps: from 1 down to ``smallest`` by a cosine, then constant.

    Example:
        >>> [round(least_share(fraction_done, 0.5), 2) for fraction_done in (0.0, 0.25, 0.5, 1.0)]
        [1.0, 0.54, 0.08, 0.08]
    """
    if fraction_done >= curriculum:
        return smallest
    return smallest + (1 - smallest) * (1 + math.cos(math.pi * fraction_done / curriculum)) / 2


def crop(x: Tensor, u: Tensor, low: float, max_aspect_ratio: float = 4 / 3) -> Tensor:
    """Crop a random part of images and resize it to their size, bilinearly.

    Args:
        x: images ``[rounds * n, channels, height, width]``, round by round.
        u: numbers from 0 to 1 for the size, the aspect ratio and the position (x, y) of each round's crop,
            ``[rounds, 4]``.
        low: smallest share of the image that a crop keeps.
        max_aspect_ratio: largest ratio of a crop's sides, relative to those of the image. (default: 4 / 3)

    Example:
        >>> x = torch.rand(2, 1, 8, 8)
        >>> torch.allclose(crop(x, torch.rand(1, 4), 1.0), x, atol=1e-6)
        True
    """
    share = low + (1 - low) * u[:, 0]
    form = (1 / share).clamp(max=max_aspect_ratio) ** (2 * u[:, 1] - 1)
    size = torch.stack([share * form, share / form], dim=1).sqrt()
    theta = torch.cat([torch.diag_embed(size), ((2 * u[:, 2:] - 1) * (1 - size))[:, :, None]], dim=2)
    grid = F.affine_grid(theta.repeat_interleave(len(x) // len(u), dim=0), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def recipe(context: MethodContext, config: Config) -> Recipe:
    """SRe2L's recipe, with one static soft label for each image.

    The paper stores a soft label for every crop of a training on the set; here bytes count, so an image has one. The
    paper also shifts images by some pixels in every step; crops do that, too.

    The result is worse than random real images; it is for cases where these must not be shown. On validation of digits,
    ten images a class, two sets: 84 % with hard labels and 83 % with soft ones (87 and 89 % in two others after all
    steps), where random images have 99 % with either, and noise with the teacher's labels has 42 %.
    """
    teacher = squeeze(context)
    objective = Recover(
        (teacher,),
        config.statistics,
        config.variance,
        first_layer=config.first_layer,
        smallest_crop=config.smallest_crop,
        max_aspect_ratio=config.max_aspect_ratio,
    )
    return recipe_of(objective, Relabelled(*noise(context), teacher), config.lr)


def recipe_of(objective: Recover, start: LearnableSet, lr: float) -> Recipe:
    """The recipe of all methods of this family: 200 steps of Adam with a cosine, for CPUs (1000 or more in papers)."""
    return Recipe(
        objective=objective,
        schedule=None,
        steps=200,
        lr=lr,
        optimizer="adam",
        betas=(0.5, 0.9),
        cosine=True,
        start=start,
    )
