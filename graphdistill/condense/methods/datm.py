r"""DATM, trajectory matching whose difficulty fits the size of the set, with labels that are learnt.

.. math:: t \sim U\{t^-, \dots, T(\text{fraction done})\}, \qquad y_i = \mathrm{softmax}(z_i), \qquad
    z_i^0 = \text{mean of the logits of experts that are right}

A set of many images matches late epochs of the experts, a small one early epochs. The latest epoch to start at grows
while the set is learnt. The set begins with images that the experts classify correctly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.experts import Window, expert_logits
from graphdistill.condense.matching.objective import MethodContext, Recipe
from graphdistill.condense.methods import mtt
from graphdistill.core.methods import Result
from graphdistill.core.randomness import generator

PAPER = "Guo et al., ICLR 2024, https://arxiv.org/abs/2310.05773"
RESULT = Result(
    paper=("CIFAR-10, 1, 10 and 50 images a class: 46.9, 66.8 and 76.1 % (from memory, unchecked; not measured here)"),
    ours=(
        "digits, 1 image a class: 0.945 ± 0.016 (random images 0.777 ± 0.061); 10: 0.9708 ± 0.0127 (random images "
        "0.981 ± 0.009)"
    ),
    command="python -m graphdistill.bench condense --parts methods --datasets digits --methods random dm datm",
    differs=(
        "5 experts of 12 epochs and 100 steps, where the paper has 100 experts of 100 epochs and thousands of steps."
    ),
    instead="Use dm: 0.959 ± 0.014 in a third of the time, and 0.993 ± 0.007 with 10 images a class.",
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(mtt.Config):
    """Options of DATM: those of MTT, its base, one with another default, and three."""

    max_start_epoch: int | None = None
    """Latest epoch of an expert that a student starts at in the end (default: 4 for one image of each class, else the
    latest that the span allows, 10 of 12; the paper has 4, 20 and 40 of 100 epochs for 1, 10 and 50 images)."""
    first_max_start_epoch: int | None = None
    """That epoch at the first step; it moves evenly over half of the steps (default: the same for one image of each
    class, else half of it, as in the paper)."""
    max_loss: float = 1.0
    """Steps with a larger loss, whose student is farther from the target than its start, change nothing (the paper's
    value)."""
    logits_lr: float = 1.0
    """Step size of the labels' logits for one image of each class (a guess; the paper has 2 to 10)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.first_max_start_epoch is not None and self.first_max_start_epoch < 0:
            raise ValueError(f"--first-max-start-epoch must be 0 or more, got {self.first_max_start_epoch}")
        for name in ("max_loss", "logits_lr"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {getattr(self, name)}")


def recipe(context: MethodContext, config: Config) -> Recipe:
    """DATM's recipe: MTT's with a window, a start and labels of its own."""
    chosen, real = window(config, context.per_class), context.real
    base = mtt.recipe(context, config)
    match = base.objective
    assert isinstance(match, mtt.TrajectoryMatch)
    assert isinstance(base.lr, dict)
    logits, right = expert_logits(real, match.network, match.experts[:, -1])
    order = torch.randperm(len(real), generator=generator(context.seed, "start")).to(real.device)
    order = order[right[order].sort(descending=True, stable=True).indices]
    index = torch.cat([order[real.y[order] == label][: context.per_class] for label in range(real.num_classes)])
    return replace(
        base,
        objective=replace(match, window=chosen, max_loss=config.max_loss),
        lr={**base.lr, "logits": config.logits_lr * context.per_class},
        start=mtt.student(real.init_from(index, logits[index]), config.student_lr),
    )


def window(config: Config, per_class: int) -> Window:
    """Epochs to start at: the first ones for one image a class, more and later ones for more."""
    latest = config.max_start_epoch
    if latest is None:
        latest = config.expert_epochs - config.span
        latest = min(4, latest) if per_class == 1 else latest
    first = config.first_max_start_epoch
    if first is None:
        first = latest if per_class == 1 else latest // 2
    return Window(0, latest, first_latest=first)
