r"""SRe2L, squeeze, recover and relabel: images that a trained network knows and whose statistics are those it learnt.

.. math:: L = \sum_j \mathrm{CE}\big(\theta(A(S_j)), y\big) + r \sum_l w_l \big(\|\mu_l(A(S_j)) - \mu_l\|
    + r_{var} \|\sigma^2_l(A(S_j)) - \sigma^2_l\|\big)

:math:`\theta` is a teacher with batch norm that was trained on all the data, :math:`\mu_l, \sigma^2_l` what layer l of
it remembers, :math:`S_j` the j-th image of every class and :math:`A` a random crop. The images begin as noise, and end
with the teacher's soft labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.condense.data.images import RealImages
from graphdistill.condense.data.learnable import LearnableSet, frozen
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting, Step
from graphdistill.core.methods import MethodConfig
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.sets.synthetic import SyntheticSet, quantize_uint8
from graphdistill.core.training.fit import fit

PAPER = "Yin et al., NeurIPS 2023, https://arxiv.org/abs/2306.13092"
FOR: tuple[Kind, ...] = ("images",)

SMALLEST = 0.08
"""Smallest share of an image that a crop leaves (the paper's value)."""
RATIO = 4 / 3
"""Most that a crop is wider than high, or higher than wide, in parts of the image (the paper's value)."""
FIRST = 10.0
"""Weight of the first layer's statistics (the paper's value)."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


@dataclass(frozen=True)
class Recover:
    """Cross-entropy of teachers and distance to the statistics that they remember.

    Attributes:
        teachers: networks in evaluation mode, one for the j-th images each, or one for all.
        statistics: weight r of their distance.
        variance: weight of variances among them.
        curriculum: share of the steps over which the least share that a crop leaves falls from 1 to 0.08.
    """

    teachers: Sequence[ConvNet]
    statistics: float = 3.0
    variance: float = 1.0
    curriculum: float = 0.0

    def accumulate(self, step: Step) -> float:
        """A pass to and fro of all images of a teacher, the statistics of each round apart."""
        low, total = lowest(step.done, self.curriculum), 0.0
        for teacher, rows in zip(self.teachers, rounds(step.small.y).chunk(len(self.teachers)), strict=True):
            part = rows.flatten()
            x = crop(step.small.inputs(part), torch.rand(len(rows), 4, generator=step.generator), low)
            logits, distance = look(teacher, x, len(rows), self.variance)
            loss = len(rows) * F.cross_entropy(logits, step.small.y[part]) + self.statistics * distance
            total += step.small.backward(loss)
        return total


class Relabelled(LearnableSet):
    """Images whose labels a teacher gives when they are frozen; while they are learnt they have their class.

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
        """The images, 8 bits a pixel, with the teacher's soft labels, a byte a class."""
        return frozen(self.x, self.teacher(quantize_uint8(self.x)).softmax(dim=1), meta)


def squeeze(setting: Setting) -> ConvNet:
    """A teacher with batch norm, trained on the training images, in evaluation mode and without gradients."""
    real, protocol = setting.real, setting.protocol
    assert isinstance(real, RealImages)
    with scoped(setting.seed, "teacher"):
        teacher = real.network(norm="batch")
    with setting.progress.step("training the teacher") as advance:
        fit(
            teacher,
            real.x,
            real.y,
            valid=cast(tuple[Tensor, Tensor], protocol.split("valid")),
            metric=protocol.metric,
            task=protocol.task,
            config=protocol.fit,
            augment=protocol.augment,
            seed=setting.seed,
        )
        advance(1)
    return teacher.eval().requires_grad_(False)


def noise(setting: Setting) -> tuple[Tensor, Tensor]:
    """Noise with the mean and deviation of every channel of the real images, and classes that follow one another."""
    real, draws = setting.real, generator(setting.seed, "noise")
    assert isinstance(real, RealImages)
    y = torch.arange(real.num_classes).repeat_interleave(setting.per_class)
    mean, deviation = (f(real.x, dim=(0, 2, 3), keepdim=True) for f in (torch.mean, torch.std))
    return (mean + deviation * torch.randn(len(y), *real.shape, generator=draws)).clamp(0, 1), y


def rounds(y: Tensor) -> Tensor:
    """Numbers of the first entry of every class, of the second one of every class, and so on, long ``[rounds, C]``.

    Example:
        >>> rounds(torch.tensor([0, 0, 1, 1])).tolist()
        [[0, 2], [1, 3]]
    """
    return torch.stack([(y == label).nonzero().view(-1) for label in y.unique()], dim=1)


def look(teacher: ConvNet, x: Tensor, rounds: int, variance: float) -> tuple[Tensor, Tensor]:
    """Logits, and the weighted distance of what each norm of a network sees to what it remembers, summed over rounds.

    Args:
        teacher: network with batch norm, in evaluation mode.
        x: images, round by round.
        rounds: number of them; each has statistics of its own.
        variance: weight of variances.
    """
    distances: list[Tensor] = []
    for block in teacher.blocks:
        convolution, norm, *rest = cast(nn.Sequential, block)
        z = convolution(x)
        seen = z.unflatten(0, (rounds, -1))
        mean = (seen.mean(dim=(1, 3, 4)) - norm.running_mean).norm(dim=1)
        deviation = (seen.var(dim=(1, 3, 4), correction=0) - norm.running_var).norm(dim=1)
        distances.append((1.0 if distances else FIRST) * (mean + variance * deviation).sum())
        x = norm(z)
        for layer in rest:
            x = layer(x)
    return teacher.head(x.flatten(1)), torch.stack(distances).sum()


def lowest(done: float, curriculum: float) -> float:
    """Least share of an image that a crop leaves: from 1 down to 0.08 by a cosine, then as it is.

    Example:
        >>> [round(lowest(done, 0.5), 2) for done in (0.0, 0.25, 0.5, 1.0)]
        [1.0, 0.54, 0.08, 0.08]
    """
    if done >= curriculum:
        return SMALLEST
    return SMALLEST + (1 - SMALLEST) * (1 + math.cos(math.pi * done / curriculum)) / 2


def crop(x: Tensor, u: Tensor, low: float) -> Tensor:
    """Blow up a random part of images to their size, bilinearly.

    Args:
        x: images ``[rounds * n, channels, height, width]``, round by round.
        u: for all images of a round, numbers from 0 to 1 for the part's size, its form, and its place from left and
            from top, ``[rounds, 4]``.
        low: least share of the image that it leaves.

    Example:
        >>> x = torch.rand(2, 1, 8, 8)
        >>> torch.allclose(crop(x, torch.rand(1, 4), 1.0), x, atol=1e-6)
        True
    """
    share = low + (1 - low) * u[:, 0]
    form = (1 / share).clamp(max=RATIO) ** (2 * u[:, 1] - 1)
    size = torch.stack([share * form, share / form], dim=1).sqrt()
    theta = torch.cat([torch.diag_embed(size), ((2 * u[:, 2:] - 1) * (1 - size))[:, :, None]], dim=2)
    grid = F.affine_grid(theta.repeat_interleave(len(x) // len(u), dim=0), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def recipe(setting: Setting, config: Config) -> Recipe:
    """SRe2L's recipe, with one static soft label for each image.

    The paper stores a soft label for every crop of a training on the set; here bytes count, so an image has one. It
    also shifts images by some pixels in every step, which crops do, too. All else is in :func:`plan`.

    What it makes is worse than random real images; it is for where these must not be shown. On validation of digits,
    ten images a class, two sets: 84 % with hard labels and 83 % with soft ones (87 and 89 % in two others, all steps
    done), where random images have 99 % with either, and noise with the teacher's labels has 42 %.
    """
    teacher = squeeze(setting)
    return plan(Recover((teacher,)), Relabelled(*noise(setting), teacher))


def plan(objective: Recover, start: LearnableSet, lr: float = 0.05) -> Recipe:
    """Adam with a cosine, as all methods of this family have it.

    The papers: 1000 to 4000 steps of 0.1 to 0.25 on images of unit deviation, and statistics weigh 0.01. Here 200
    steps, for CPUs; 0.3 of 0.1 to 0.25 is 0.03 to 0.08 on pixels from 0 to 1. Where a round is ten images and not
    hundreds, and a teacher is nearly certain, statistics must count for more (on validation of digits, ten images a
    class, hard labels: 73 % by 0.1, 82 % by 1, 87 % by 3, 79 % by 10).
    """
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
