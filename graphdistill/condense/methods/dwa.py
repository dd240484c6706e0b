r"""DWA, directed weight adjustment: SRe2L from real images, each round of them by a teacher of its own.

.. math:: \theta_j = \theta + \sum_{k=1}^{K} \frac{\rho}{K} \frac{g_k}{\|g_k\|}, \qquad
    g_k = \nabla_\theta \mathrm{CE}(\theta_{j,k-1}(T_j), y)

:math:`T_j` are the real images that the j-th images of all classes begin as. A teacher that was moved uphill on them
asks for what they lack, for each j another thing; and variances count eleven times, which keeps images diverse.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.condense.data.images import RealImages
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import Recipe, Setting, gradient
from graphdistill.condense.methods import sre2l
from graphdistill.core.methods import MethodConfig
from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import generator

PAPER = "Du et al., NeurIPS 2024, https://arxiv.org/abs/2409.17612"
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def ascend(teacher: ConvNet, x: Tensor, y: Tensor, *, steps: int, rho: float) -> ConvNet:
    """A copy of a teacher whose weights went uphill on a few images; all that it remembers of statistics stays.

    Args:
        teacher: network in evaluation mode.
        x: images.
        y: class of each.
        steps: number K of steps.
        rho: length of all steps together.
    """
    moved = copy.deepcopy(teacher).requires_grad_()
    for _ in range(steps):
        direction = gradient(moved, x, y)
        length = torch.cat([part.flatten() for part in direction]).norm()
        with torch.no_grad():
            for weight, part in zip(moved.parameters(), direction, strict=True):
                weight.add_(rho / steps * part / length)
    return moved.requires_grad_(False)


def recipe(setting: Setting, config: Config) -> Recipe:
    """DWA's recipe.

    The paper: K = 12, rho = 0.015, variances 11 times, statistics weigh 0.01; all are its values. Its step size of 0.25
    on images of unit deviation is 0.005 here, for all that was tried makes the real images worse that it begins as: on
    validation of digits, ten images a class, two sets, these have 99 % with hard and with soft labels; after 200 steps
    of 0.005 with CDA's curriculum both have 98 %, after 200 of 0.02 90 and 91 %, and 75 and 72 % after 200 of 0.01 with
    rho = 0.5 and statistics ten times. What comes out there is the start, which validation likes best: random real
    images with the teacher's labels.
    """
    real, teacher = setting.real, sre2l.squeeze(setting)
    assert isinstance(real, RealImages)
    rows = real.pick(setting.per_class, generator(setting.seed, "start"))
    x, y = real.x[rows], real.y[rows]
    teachers = tuple(ascend(teacher, x[part], y[part], steps=12, rho=0.015) for part in sre2l.rounds(y))
    objective = sre2l.Recover(teachers, statistics=0.01, variance=11.0)
    return sre2l.plan(objective, sre2l.Relabelled(x, y, teacher), lr=0.005)
