r"""Fair-latent: rows whose classes tell nothing of a group, decoded from latents that are independent of it.

.. math:: L = \mathbb{E} \big[ -\log p(x \mid z, s) - \lambda \log p(y \mid z, s) \big] +
    \mathrm{KL}(q(z \mid x) \Vert \mathcal{N}(0, 1)) + \beta \big( R^2(z, s) + R^2(p(y \mid z), s) \big)

trains a teacher, where :math:`s` is the group and R the distance correlation of samples; a student encoder with at most
half of the parameters of the teacher's learns its latents
(:mod:`~graphdistill.condense.matching.fair_latents`). Rows are decoded from draws of the student's latents of training
rows and of a group drawn apart from them, so that columns that show the group are still there, but tell nothing of the
class. Classes are

.. math:: y(x) = \arg\max_y \; (1 - r) \, p_f(y \mid x) + r \sum_s P(s) \, p(y \mid \mu(x), s) / P(y)

with a network f that was trained on all rows, and the least repair r from 0 to 1 with which the parity gap on training
and validation rows is at most ``max_gap``. In the end the rows are moved until kernel ridge regression on them predicts
these classes of all training rows, as in :mod:`~graphdistill.condense.methods.ridge`. A network trained on the set
needs no group: real rows are read as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn

from graphdistill.condense.data.rows import LearnableRows, TrainingRows
from graphdistill.condense.data.training_data import Kind, TrainingData
from graphdistill.condense.matching.fair_latents import (
    FairLatents,
    GroupedRows,
    LatentConfig,
    assigned,
    fair_latents,
    parameters,
)
from graphdistill.condense.matching.objective import MethodContext, Recipe, Step
from graphdistill.condense.matching.teachers import train_teachers
from graphdistill.condense.methods.ridge import RowRidge
from graphdistill.core.evaluation.group_gaps import parity_gap
from graphdistill.core.evaluation.protocol import selection_training
from graphdistill.core.evaluation.tables import TableProtocol
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import predict

PAPER = "fair syntax-agnostic data-like: Sikder et al., 2024, https://arxiv.org/abs/2408.10755"
RESULT = Result(
    paper="5 % in fairness, 5 % in quality and 10 % in utility over other generators (abstract; not measured here)",
    ours=(
        "biased-table, 10 rows a class: 0.897 ± 0.018 at a parity gap of 0.056 (all the data 0.922 ± 0.016 at 0.301); "
        "breast-cancer, groups by mean texture, 100: 0.978 ± 0.016 at 0.107 (all the data 0.999 ± 0.002 at 0.392)"
    ),
    command=(
        "python -m graphdistill.bench condense --parts fair --datasets biased-table breast-cancer-texture --methods "
        "fair-latent random herding dm ridge --seeds 10 --trainings 2"
    ),
    differs=(
        "Rebuilt from the abstract. Distance correlation keeps classes independent of the group, too; classes are "
        "repaired no further than needed; rows are moved by ridge regression in the end."
    ),
    instead=(
        "Where the columns that show the group are known and nothing else depends on it, leave them out: 0.882 ± 0.015 "
        "at 0.030 on biased-table."
    ),
)
FOR: tuple[Kind, ...] = ("rows",)
ANY_NUMBER = True
"""Rows are drawn, so that a set may have more of a class than there are."""
REPAIRS = 20
"""Steps of the repair from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of fair-latent."""

    max_gap: float = 0.07
    """Largest parity gap between groups of the classes that real rows get, on training and validation rows; 0 for
    as small as can be (chosen on validation of biased-table: what networks predict has a gap of 0.08)."""
    independence: float = 200.0
    """Weight of the dependence of latents on the group (on validation 50 is as good for biased-table, but leaves a gap
    of 0.12 instead of 0.02 on a table of 442 rows)."""
    label_weight: float = 20.0
    """Weight of the cross-entropy of classes (on validation 5 is as good for biased-table, but on breast-cancer, groups
    by a column, the AUC at the same gap is 0.02 lower)."""
    latent: int = 8
    """Latent dimensions (FairDisCo's number; on validation of biased-table 4 and 16 are as good)."""
    width: int = 64
    """Width of the teacher's hidden layers (FairDisCo's number)."""
    teacher_steps: int = 800
    """Steps of the teacher (on validation of biased-table 2000 are as good)."""
    student_steps: int = 400
    """Steps of the student."""
    lr: float = 0.03
    """Step size of Adam on the rows, in deviations of each column (on validation of biased-table, breast-cancer and
    diabetes as good as 0.01, in fewer steps)."""
    ridge: float = 0.1
    """Ridge as a share of the kernel's mean diagonal, as in the method ridge."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_gap <= 1:
            raise ValueError(f"--max-gap must be from 0 to 1, got {self.max_gap}")
        for name in ("independence", "label_weight", "lr", "ridge"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {getattr(self, name)}")
        for name in ("latent", "width", "teacher_steps", "student_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be 1 or more, got {getattr(self, name)}")


class FairRows(LearnableRows):
    """Rows to learn, which are stored with what is known of their making.

    Args:
        x: first rows.
        y: class of each.
        facts: what ``meta`` holds besides.
    """

    def __init__(self, x: Tensor, y: Tensor, facts: Mapping[str, object]):
        super().__init__(x, y)
        self.facts = facts

    def freeze(self, meta: Mapping[str, object] | None = None) -> SyntheticSet:
        """The rows as they are stored, with the facts."""
        return super().freeze({**self.facts, **(meta or {})})


@dataclass(frozen=True)
class RelabelledRidge(RowRidge):
    """Squared error of ridge regression fitted to the set, on real rows with other classes than their own.

    Attributes:
        relabelled: the real rows with these classes.
    """

    relabelled: TrainingData = field(kw_only=True)

    def accumulate(self, step: Step) -> float:
        """One solution in closed form, differentiated."""
        return super().accumulate(replace(step, real=self.relabelled))


@dataclass(frozen=True)
class Repair:
    """Probabilities of classes between those of a network and those of fair latents.

    Attributes:
        net: network that was trained on all rows.
        fair: latents.
    """

    net: nn.Module
    fair: FairLatents

    def shares(self, x: Tensor, repair: float) -> Tensor:
        """Probabilities of classes of rows on the CPU, ``[n, C]``, where a repair of 1 has those of latents alone."""
        return torch.lerp(*self._ends(x), repair)

    def least(self, x: Tensor, group: Tensor, max_gap: float) -> float:
        """The least repair with a parity gap of at most ``max_gap``, or that with the smallest gap."""
        ends, gaps = self._ends(x), dict[float, float]()
        for step in range(REPAIRS + 1):
            gap = parity_gap(torch.lerp(*ends, step / REPAIRS).argmax(dim=1), group)
            if gap <= max_gap:
                return step / REPAIRS
            gaps[step / REPAIRS] = gap
        return min(gaps, key=gaps.__getitem__)

    def _ends(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities of the network, and of the latents."""
        fair = self.fair.shares(x.to(self.fair.rows.x.device)).cpu()
        return predict(self.net, x).softmax(dim=1), fair


def fair_score(protocol: TableProtocol, max_gap: float, synthetic: SyntheticSet) -> float:
    """Validation score of a network trained on a set, less what its parity gap is above a limit.

    Args:
        protocol: of a table with groups; the gap is that on training and validation rows.
        max_gap: the limit.
        synthetic: the set.
    """
    net, fitted = selection_training(protocol, synthetic)
    x, group = _known(protocol)
    return fitted.valid - max(0.0, parity_gap(predict(net, x).argmax(dim=1), group) - max_gap)


def recipe(context: MethodContext, config: Config) -> Recipe:
    """The recipe: 200 steps of Adam that begin with decoded rows, whose classes stay."""
    protocol, real = context.protocol, context.real
    assert isinstance(protocol, TableProtocol)
    assert isinstance(real, TrainingRows)
    data = protocol.data
    if data.group is None:
        raise ValueError(
            f"--method fair-latent makes rows fair to the groups of a column, but {data.name} names none; give "
            f"--group-column (in Python load(..., group=...)), or take --method ridge, which needs no groups"
        )
    group, groups = data.group[data.train].to(real.device), int(data.group.max()) + 1
    rows = GroupedRows(real.x, real.y, group, real.num_classes, groups)
    latents = LatentConfig(
        latent=config.latent,
        width=config.width,
        independence=config.independence,
        label_weight=config.label_weight,
        teacher_steps=config.teacher_steps,
        student_steps=config.student_steps,
    )
    fair = fair_latents(rows, latents, context.seed, context.progress)
    repair = Repair(train_teachers(context)[0], fair)
    x, known = _known(protocol)
    least = repair.least(x, known, config.max_gap)
    y = data.y.clone()
    y[data.train] = assigned(repair.shares(data.x[data.train], least), 1)
    relabelled = TrainingRows(replace(protocol, data=replace(data, y=y))).to(real.device)
    drawn, label = _start(repair, least, context)
    facts = {
        "repair": least,
        "label_gap": parity_gap(repair.shares(x, least).argmax(dim=1), known),
        "teacher_parameters": parameters(fair.teacher.encoder),
        "student_parameters": parameters(fair.student),
        "latent_dependence": fair.dependence(),
    }
    return Recipe(
        objective=RelabelledRidge(config.ridge, relabelled=relabelled),
        schedule=None,
        steps=200,
        lr=config.lr,
        optimizer="adam",
        start=FairRows(drawn.to(real.device), label.to(real.device), facts),
        validate=partial(fair_score, protocol, config.max_gap),
    )


def _known(protocol: TableProtocol) -> tuple[Tensor, Tensor]:
    """Training and validation rows, on the CPU, and the group of each."""
    data = protocol.data
    assert data.group is not None
    index = torch.cat([data.train, data.valid])
    return data.x[index], data.group[index]


def _start(repair: Repair, least: float, context: MethodContext) -> tuple[Tensor, Tensor]:
    """Decoded rows, as many of each class, and their classes; on the CPU."""
    count, classes = context.per_class, context.real.num_classes
    drawn = repair.fair.draw(max(2000, 10 * count * classes), generator(context.seed, "fair latents", "draw")).cpu()
    label = assigned(repair.shares(drawn, least), count)
    chosen = torch.cat([(label == number).nonzero()[:count, 0] for number in range(classes)])
    return drawn[chosen], label[chosen]
