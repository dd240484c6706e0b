r"""OFA-KD: hidden layers of the student get heads to the classes, so a teacher of any architecture can train them.

.. math:: L = w \Bigl[\ell(z_s) + w_h \sum_k \ell(\mathrm{head}_k(h_k))\Bigr] + w_y \, \mathrm{CE}(y, z_s), \quad
    \ell(z) = -\sum_c \left[(p_{t,c} + m_c)^\epsilon - m_c\right] \log \mathrm{softmax}(z)_c

The teacher gives its final logits alone. m is one at the label, or at the teacher's most probable class, so that an
:math:`\epsilon` above 1 relies less on what the teacher thinks of the other classes.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphdistill.core.methods import Result
from graphdistill.core.randomness import scoped
from graphdistill.kd.data.view import Kind
from graphdistill.kd.features.pooling import pooled
from graphdistill.kd.layers import stages_of
from graphdistill.kd.losses.enhanced_target import EnhancedTarget
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, Objective
from graphdistill.kd.outputs import PENULTIMATE

PAPER = "Hao et al., OFA-KD, NeurIPS 2023, https://arxiv.org/abs/2310.19444"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "cora, GCN to MLP: 80.44 (KD 80.15, labels and hint 55.90); digits, ConvNet to ViT: 96.31 (95.36, 94.86), to "
        "MLP: 96.54 (97.09, 95.98)"
    ),
    command="python -m graphdistill.bench kd --parts ofa-kd",
    differs="A head is a mean over positions and a linear layer; the paper's have convolutions or transformer blocks.",
    instead="Without heads (--head-weight 0) it was as good or better on digits; so was kd with a hint.",
)
FOR: tuple[Kind, ...] = ("nodes", "graphs", "images", "text")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of OFA-KD."""

    temperature: float = 1.0
    """Temperature of both softmaxes, as in the paper."""
    epsilon: float = 1.1
    """Exponent of the targets: the paper's code has 1, plain soft targets, on CIFAR-100 and 1.5 on ImageNet."""
    head_weight: float = 1.0
    """Weight of the loss at each head; that at the final logits has 1."""
    layers: tuple[str, ...] = ()
    """Layers of the student that get a head (default: up to 4 stages, the members of its first list of modules)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.epsilon > 0:
            raise ValueError(f"--epsilon must be above 0, got {self.epsilon}")
        if not 0 <= self.head_weight < float("inf"):
            raise ValueError(f"--head-weight must be 0 or more, got {self.head_weight}")


class Heads(nn.Module):
    """A linear layer from every recorded layer to the classes; features in space or along tokens are averaged first.

    Args:
        features: recorded features of a few entries by layer, which have the widths.
        rows: rows of logits of these entries; features with as many positions keep them.
        num_classes: number of classes.
    """

    def __init__(self, features: dict[str, Tensor], rows: int, num_classes: int):
        super().__init__()
        self.layers = list(features)
        self.heads = nn.ModuleList(nn.Linear(pooled(value, rows).shape[1], num_classes) for value in features.values())

    def forward(self, features: dict[str, Tensor], rows: int) -> list[Tensor]:
        """Logits ``[rows, C]`` of every layer."""
        return [head(pooled(features[layer], rows)) for layer, head in zip(self.layers, self.heads, strict=True)]


def stages(context: Context, most: int = 4) -> tuple[str, ...]:
    """Layers of the student that get a head: its stages, thinned out evenly, but for the logits themselves.

    Args:
        context: the student and its data.
        most: largest number of layers. (default: 4)

    Returns:
        Paths of layers; what goes into the final linear layer if no layer has a vector for each row of logits.
    """
    few, _ = context.probe(stages_of(context.student))
    usable = []
    for path, value in few.features.items():
        with contextlib.suppress(ValueError):
            features = pooled(value, len(few.logits))
            if features.shape != few.logits.shape or not torch.equal(features, few.logits):
                usable.append(path)
    if len(usable) > most:
        usable = [usable[round((k + 1) * len(usable) / most) - 1] for k in range(most)]
    return tuple(usable) or (PENULTIMATE,)


def objective(context: Context, config: Config) -> Objective:
    """The loss with enhanced targets at heads and final logits, and cross-entropy on labels."""
    layers = config.layers or stages(context)
    few, _ = context.probe(layers)
    with scoped(context.seed, "kd", "heads"):
        heads = Heads(dict(few.features), *few.logits.shape)
    loss = EnhancedTarget(config.epsilon, config.temperature)

    def distillation(batch: Batch) -> Tensor:
        teacher, rows = batch.teacher.logits, len(batch.y)
        value = loss(batch.student.logits, teacher, batch.y)
        for logits in heads(dict(batch.student.features), rows):
            value = value + config.head_weight * loss(logits, teacher, batch.y)
        return value

    return Objective(loss=kd.with_labels(context, config, distillation), student_layers=layers, module=heads)
