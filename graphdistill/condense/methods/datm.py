r"""DATM, trajectory matching whose difficulty fits the size of the set, with labels that are learnt.

.. math:: t \sim U\{t^-, \dots, T(\text{done})\}, \qquad y_i = \mathrm{softmax}(z_i), \qquad
    z_i^0 = \text{mean of the logits of experts that are right}

A set of many images shall match late epochs of the experts, a small one early epochs. The latest epoch to start at
grows while the set is learnt. The set begins as images that the experts are right on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.experts import Window, expert_logits
from graphdistill.condense.matching.objective import Recipe, Setting
from graphdistill.condense.methods import mtt
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator

PAPER = "Guo et al., ICLR 2024, https://arxiv.org/abs/2310.05773"
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Nothing can be set."""


def recipe(setting: Setting, config: Config) -> Recipe:
    """DATM's recipe: MTT's with a window, a start and labels of its own.

    The paper bounds the loss at 1, above which a student is farther from the target than where it started; so here.
    Labels learn at 1 an image of a class (2 to 10 in the paper), a guess.
    """
    base, real = mtt.recipe(setting, mtt.Config()), setting.real
    match = base.objective
    assert isinstance(match, mtt.TrajectoryMatch)
    logits, right = expert_logits(real, match.network, match.experts[:, -1])
    order = torch.randperm(len(real), generator=generator(setting.seed, "start"))
    order = order[right[order].sort(descending=True, stable=True).indices]
    rows = torch.cat([order[real.y[order] == label][: setting.per_class] for label in range(real.num_classes)])
    return replace(
        base,
        objective=replace(match, window=window(setting.per_class), above=1.0),
        lr={**mtt.rates(setting.per_class), "logits": 1.0 * setting.per_class},
        start=mtt.student(real.start(rows, logits[rows]), mtt.STUDENT_LR),
    )


def window(per_class: int) -> Window:
    """Epochs to start at: the first ones for one image a class, more and more for more.

    The paper has 0 to 4, 0 to 20 and 0 to 40 of 100 epochs for 1, 10 and 50 images a class, and half of that at first.
    """
    return Window(0, 4) if per_class == 1 else Window(0, 10, first_latest=5)
