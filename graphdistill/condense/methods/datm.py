r"""DATM, trajectory matching whose difficulty fits the size of the set, with labels that are learnt.

.. math:: t \sim U\{t^-, \dots, T(\text{done})\}, \qquad y_i = \mathrm{softmax}(z_i), \qquad
    z_i^0 = \text{mean of the logits of experts that are right}

A set of many images shall match late epochs of the experts, a small one early epochs. The latest epoch to start at
grows while the set is learnt. The set begins as images that the experts are right on.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from graphdistill.condense.experts import Window, expert_logits
from graphdistill.condense.methods import mtt
from graphdistill.condense.objective import Recipe, Setting
from graphdistill.condense.real import Kind
from graphdistill.core.randomness import generator

PAPER = "Guo et al., ICLR 2024, https://arxiv.org/abs/2310.05773"
FOR: tuple[Kind, ...] = ("images",)


def recipe(setting: Setting) -> Recipe:
    """DATM's recipe."""
    base, real = mtt.recipe(setting), setting.real
    match = base.objective
    assert isinstance(match, mtt.TrajectoryMatch)
    logits, right = expert_logits(real, match.network, match.experts[:, -1])
    order = torch.randperm(len(real), generator=generator(setting.seed, "start"))
    best = order[right[order].sort(descending=True, stable=True).indices]
    rows = torch.cat([best[real.y[best] == label][: setting.per_class] for label in range(real.num_classes)])
    return replace(
        base,
        objective=replace(match, window=window(setting.per_class), above=1.0),
        lr={**dict(base.lr), "logits": 0.05},  # type: ignore[call-overload]
        start=mtt.student(real.start(rows, logits[rows]), 0.03),
    )


def window(per_class: int) -> Window:
    """Epochs to start at."""
    return Window(0, 4, first_latest=2) if per_class == 1 else Window(0, 6, first_latest=3)
