r"""SquareHead: every stage of the student on the teacher's hidden states, for a student of the same architecture.

.. math:: L = w \sum_l \frac{\overline{(h_s^l - h_t^l)^2}}{\overline{(h_t^l)^2}} + w_y \, \mathrm{CE}(y, z_s)
    + w_z \, \mathrm{KD}_T(z_s, z_t)

The means run over channels and over tokens that are no padding. With ``sparsity`` the student starts as a copy of the
teacher whose smallest weights are zero and stay so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphdistill.core.methods import Result
from graphdistill.kd.data.view import Kind
from graphdistill.kd.features.squarehead import SquareHead
from graphdistill.kd.layers import check_entries, linear_layers, stages_of
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.methods import kd
from graphdistill.kd.objective import Batch, Context, Objective

PAPER = "Kurtic et al., 2023, https://arxiv.org/abs/2310.06927"
RESULT = Result(
    paper="no checked number at hand",
    ours="digits, 80 % zero: 94.92 ± 2.76 (labels 94.30 ± 3.05); 95 % zero: 52.91 ± 6.50 (54.25 ± 5.42)",
    command="python -m graphdistill.bench kd --parts squarehead",
    differs="Small networks, where the paper sparsifies language models of 7 billion weights.",
    instead="Labels alone were as good where they are known; for a student of another architecture choose kd.",
)
FOR: tuple[Kind, ...] = ("nodes", "images", "text")


@dataclass(frozen=True, kw_only=True)
class Config(kd.Config):
    """Options of SquareHead."""

    label_weight: float | None = 1.0
    """Weight of the cross-entropy on labels, 1 in the released code for all data."""
    logit_weight: float = 0.0
    """Weight of the distillation loss on logits, 0 in the released code."""
    sparsity: float = 0.0
    """Share of the weights of linear and convolutional layers that are zero: the student starts as a copy of the
    teacher without its smallest weights. 0 leaves the student as it is; the paper prunes 40 to 80 %."""

    def __post_init__(self) -> None:
        kd.Config.__post_init__(self)
        if not 0 <= self.logit_weight < float("inf"):
            raise ValueError(f"--logit-weight must be 0 or more, got {self.logit_weight}")
        if not 0 <= self.sparsity < 1:
            raise ValueError(f"--sparsity must be from 0 to below 1, got {self.sparsity}")


def objective(context: Context, config: Config) -> Objective:
    """SquareHead on all stages, cross-entropy on labels and, if it has a weight, KD on logits."""
    student, teacher = context.student, context.teacher
    layers = stages_of(teacher)
    if stages_of(student) != layers:
        raise ValueError(
            f"squarehead needs a student of the teacher's architecture, but the teacher has the stages "
            f"{', '.join(layers)} and the student {', '.join(stages_of(student))}; choose kd or mi-alpha"
        )
    for layer, (ours, theirs) in _shapes(context, layers).items():
        if ours != theirs:
            raise ValueError(
                f"squarehead needs a student of the teacher's architecture, but {layer} has shape {ours} in the "
                f"student and {theirs} in the teacher; choose kd or mi-alpha"
            )
    apply_mask = None
    if config.sparsity:
        apply_mask = prune(student, teacher, config.sparsity)
    divergence = KD(config.temperature)
    features_and_labels = kd.with_labels(context, config, distance_of_stages({layer: layer for layer in layers}))

    def loss(batch: Batch) -> Tensor:
        value = features_and_labels(batch)
        if config.logit_weight:
            value = value + config.logit_weight * divergence(batch.student.logits, batch.teacher.logits)
        return value

    return Objective(
        loss=loss,
        student_layers=layers,
        teacher_layers=layers,
        after_step=None if apply_mask is None else lambda _: apply_mask(),
    )


def _shapes(context: Context, layers: list[str]) -> dict[str, tuple[list[int], list[int]]]:
    ours, theirs = context.probe(layers, layers)
    check_entries(theirs.features, len(context.data.train[:2]))
    return {layer: (list(ours.features[layer].shape), list(theirs.features[layer].shape)) for layer in layers}


def distance_of_stages(pairs: Mapping[str, str]) -> Callable[[Batch], Tensor]:
    """The loss of SquareHead on layers that are recorded, a value for each row of the logits.

    Args:
        pairs: layers of the teacher, by those of the student.
    """
    square = SquareHead()

    def distance(batch: Batch) -> Tensor:
        value = torch.zeros(len(batch.y), device=batch.y.device)
        for own, other in pairs.items():
            ours, theirs = batch.student.features[own], batch.teacher.features[other]
            # Tokens that are no padding, where the batch has a mask of the layer's shape.
            mask: Tensor | None = batch.inputs.get("attention_mask")
            mask = None if mask is None or mask.shape != ours.shape[:-1] else mask
            if len(ours) != len(batch.y):
                ours, theirs = ours.flatten(0, 1), theirs.flatten(0, 1)
                mask = None if mask is None else mask.flatten()
            value = value + square(ours, theirs, mask=mask)
        return value

    return distance


@torch.no_grad()
def prune(student: nn.Module, teacher: nn.Module, sparsity: float) -> Callable[[], None]:
    """Make the student a copy of the teacher without the smallest weights of its linear and convolutional layers.

    Args:
        student: the network that is changed.
        teacher: a network of the same architecture.
        sparsity: share of the weights of each layer that are zero.

    Returns:
        A function that sets the same weights to zero again.

    Example:
        >>> ours, theirs = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> _ = prune(ours, theirs, 0.5)
        >>> int((ours.weight == 0).sum())
        2
    """
    student.load_state_dict(teacher.state_dict())
    weights = [part.weight for part in linear_layers(student).values()]
    masks = []
    for weight in weights:
        count = int(sparsity * weight.numel())
        mask = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
        mask[weight.abs().flatten().argsort(stable=True)[:count]] = False
        masks.append(mask.view_as(weight))

    def apply() -> None:
        with torch.no_grad():
            for weight, mask in zip(weights, masks, strict=True):
                weight *= mask

    apply()
    return apply
