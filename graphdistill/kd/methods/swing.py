r"""Swing-like: targets that are softer and noisier for samples that the teacher has memorised.

.. math:: L = w \, T^2 \, \mathrm{KL}\bigl(\mathrm{softmax}(\tilde z_t / T) \,\Vert\, \mathrm{softmax}(z_s / T)\bigr)
    + w_y \, \mathrm{CE}(y, z_s), \quad \tilde z_t = \frac{z_t}{1 + \lambda s} + \sigma s \, n

The score s, from 0 to 1, is how much surer of its label the teacher is than networks of the student's kind that were
trained without the sample, each on the labels of all folds but one.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphdistill.core.methods import Result
from graphdistill.kd.data.tagged import TaggedView
from graphdistill.kd.data.view import Kind, View
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, Objective
from graphdistill.kd.targets.private_temperature import PrivateTemperature, privacy
from graphdistill.kd.training import fit_objective

PAPER = "Li et al., Swing Distillation, 2022, https://arxiv.org/abs/2212.08349"
RESULT = Result(
    paper="80 % less exposure of canaries (abstract)",
    ours=(
        "digits: AUC of a membership attack 56.15 ± 4.07 (KD 62.80 ± 3.62), accuracy 85.31 ± 3.13 (KD 86.42 ± 3.07); "
        "text/shakespeare: exposure of canaries 2.28 ± 0.64 bits (KD 6.90 ± 0.68, at temperature 8 3.70 ± 0.82)"
    ),
    command="python -m graphdistill.bench kd --parts swing",
    differs="The laws of temperature and noise and the score are ours, as the paper's are not published; none of them "
    "guarantees differential privacy.",
    instead="It guarantees nothing: where a guarantee is needed train with differential privacy.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of Swing."""

    strength: float = 4.0
    """How much the temperature of a sample rises with its score: a factor of 1 + strength for the most private."""
    noise: float = 0.5
    """Standard deviation of the noise on the logits of the most private samples."""
    folds: int = 2
    """Number of networks that score the samples; each is trained on all labels but those of its fold."""
    label_weight: float | None = 0.0
    """Weight of the cross-entropy on labels, which would teach the student what the targets hide."""

    def __post_init__(self) -> None:
        kd.Config.__post_init__(self)
        for option, value in (("strength", self.strength), ("noise", self.noise)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"--{option} must be 0 or more, got {value}")
        if self.folds < 2:
            raise ValueError(f"--folds must be 2 or more, got {self.folds}")


def check(view: View, config: Config) -> None:
    """Check that the labelled entries can be divided into folds.

    Raises:
        ValueError: the entries are questions about tagged words, which share their sentences.
    """
    if isinstance(view, TaggedView):
        raise ValueError(
            f"swing trains on folds of the entries, but those of {view.name} are questions that share sentences; use "
            "kd or universal-ner"
        )


def objective(context: Context, config: Config) -> Objective:
    """KD to targets that are drawn once, so that their noise does not average out over the steps."""
    check(context.data, config)
    view = context.data
    logits = context.teacher_outputs().logits
    score = privacy_scores(context, config.folds)
    hide = PrivateTemperature(config.strength, config.noise)
    targets = hide(logits, score, context.generator("noise"))
    targets = targets.view(len(view.train), view.rows_per_entry, -1)
    divergence = KD(config.temperature)

    def distillation(batch: Batch) -> Tensor:
        mine = targets[view.place[batch.index].to(targets.device)].flatten(0, 1)
        return divergence(batch.student.logits, mine)

    return Objective(loss=kd.with_labels(context, config, distillation))


def privacy_scores(context: Context, folds: int) -> Tensor:
    """How private each row that the student is trained on is, from 0 to 1, in the order of ``context.data.train``.

    Rows without a label, which the teacher did not see, have 0.

    Args:
        context: networks and data; the student is the first state of the networks that score.
        folds: number of folds of the labelled entries.
    """
    view = context.data
    y = view.known(view.train).to(view.device)
    rows = view.rows_per_entry
    score = torch.zeros(len(y), device=view.device)
    order = view.labelled[torch.randperm(len(view.labelled), generator=context.generator("folds"))]
    confidence = _confidence(context.teacher_outputs().logits, y)
    for number, fold in enumerate(order.chunk(folds)):
        others = order[~torch.isin(order, fold)]
        network = copy.deepcopy(context.student)
        own = type(view)(view.data, view.device, others)
        inner = replace(context, student=network, data=own)
        fit_objective(
            inner,
            Objective(loss=inner.label_loss, uses_teacher=False),
            eval_every=max(1, context.steps // 4),
            label=f"fold {number + 1}",
        )
        without = _confidence(view.predict(network, view.train).logits, y)
        mine = torch.isin(view.train, fold).repeat_interleave(rows).to(view.device)
        score[mine] = privacy(confidence, without)[mine]
    return torch.where(y >= 0, score, 0)


def _confidence(logits: Tensor, y: Tensor) -> Tensor:
    return logits.softmax(dim=1).gather(1, y.clamp(min=0).unsqueeze(1)).squeeze(1)
