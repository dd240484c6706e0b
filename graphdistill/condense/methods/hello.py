r"""HeLlO: labels of views come from a small stored projector instead of being stored one by one.

.. math:: y(v) = \mathrm{softmax}\big( [\phi(v), \mathrm{onehot}(c)] A B \big), \qquad
   \min_{A, B} \sum_v \mathrm{KL}\big( f(v) \,\|\, y(v) \big)

:math:`\phi` are random features from the stored seed, so the encoder takes no bytes, and c is the class of the image;
:math:`A` and :math:`B` of rank r are stored in a byte a number and count. The paper projects features of a pretrained
image encoder, with LoRA in both; here no encoder is pretrained, so the projector is learnt on the views of the set.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.matching.teachers import train_teachers
from graphdistill.condense.methods.reinforcement import probabilities, replayed
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.sets.projected import SCALE, Projected, random_features
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.sets.views import views

PAPER = "Yu et al., 2024, https://arxiv.org/abs/2408.08201; no code is published, so this is HeLlO-like"
RESULT = Result(
    paper="no checked number at hand",
    ours=(
        "digits/usps, 50 images a class, three sets: 0.962 ± 0.004 (stored labels of 50 views 0.965 ± 0.004), "
        "labels in 4.6 % of their bytes"
    ),
    command=(
        "python -m graphdistill.bench condense --parts expansions --datasets digits/usps --per-class 50 "
        "--methods random random-kd reinforcement hello --trainings 1"
    ),
    differs="HeLlO-like: random features from a seed instead of a pretrained encoder, and no update of images.",
    instead="Up to some hundred images the projector takes more than 5 % of the labels: use reinforcement.",
)
FOR: tuple[Kind, ...] = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of HeLlO."""

    views: int = 50
    """Views of each image; they cost no bytes."""
    strength: int = 100
    """Strength of all changes of a view, in percent, as of reinforcement."""
    teachers: int = 1
    """Teachers whose probabilities are averaged."""
    features: int = 256
    """Random features of a view."""
    rank: int = 9
    """Rank of the projector, at most the number of classes (8 and more in the paper, of 1,000 classes)."""
    projector_steps: int = 400
    """Steps of Adam that the projector is learnt in."""

    def __post_init__(self) -> None:
        for name, most in (
            ("views", 1000),
            ("teachers", 100),
            ("features", 1024),
            ("rank", 1024),
            ("projector_steps", 10**6),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"--{name.replace('_', '-')} must be from 1 to {most}, got {getattr(self, name)}")
        if not 0 <= self.strength <= 300:
            raise ValueError(f"--strength must be from 0 to 300, got {self.strength}")
        if self.rank > self.features:
            raise ValueError(f"--rank {self.rank} must be at most --features {self.features}")


def select(context: MethodContext, config: Config) -> SyntheticSet:
    """Random images of each class, the same ones as of ``random``, and a projector for the labels of their views."""
    images, replays = replayed(context, config.views, config.strength)
    x = views(images, *replays)
    target = probabilities(train_teachers(context, config.teachers), x, 1.0)
    y = torch.arange(context.real.num_classes).repeat_interleave(context.per_class)
    label = y.repeat_interleave(config.views)
    phi = [
        random_features(*part, config.features, context.real.num_classes, replays[0])
        for part in zip(x.split(1024), label.split(1024), strict=True)
    ]
    down, up = projector(torch.cat(phi).float(), target, config)
    return SyntheticSet.expanded(Projected(images, torch.tensor(replays), y, down, up))


def projector(phi: Tensor, target: Tensor, config: Config) -> tuple[Tensor, Tensor]:
    """The projector that fits probabilities best, in a byte a number: int8 ``[d, r]`` and ``[r, C]``.

    Args:
        phi: features of views, float ``[n, d]``, integers from 0 to 255.
        target: probabilities of the views, ``[n, C]``.
        config: rank and steps.
    """
    # Ridge regression to centred log-probabilities, cut to its rank, is the start; then cross-entropy decides.
    logits = target.clamp(min=1e-3).log()
    logits = logits - logits.mean(dim=1, keepdim=True)
    x = phi.double() / 64
    gram = x.T @ x
    gram.diagonal().add_(1e-3 * gram.diagonal().mean())
    left, size, right = torch.linalg.svd(torch.linalg.solve(gram, x.T @ logits.double()), full_matrices=False)
    root = size[: config.rank].sqrt()
    a, b = ((left[:, : config.rank] * root).float(), (root[:, None] * right[: config.rank]).float())
    a, b = a.requires_grad_(), b.requires_grad_()
    optimizer = torch.optim.Adam([a, b], lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.projector_steps)
    x = x.float()
    for _ in range(config.projector_steps):
        optimizer.zero_grad()
        loss = -(target * (x @ a @ b).log_softmax(dim=1)).sum(dim=1).mean()
        loss.backward()
        optimizer.step()
        schedule.step()
    return quantized(a.detach(), b.detach())


def quantized(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two factors as bytes, so that their product in the units of a set is nearest to that of ``a / 64`` and ``b``."""
    # Columns of a use the range of a byte, and those of b take the rest of the scale.
    unit = a.abs().amax(dim=0).clamp(min=1e-12) / 127
    b = b * unit[:, None] / 64 / SCALE
    return (a / unit).round().to(torch.int8), b.round().clamp(-127, 127).to(torch.int8)
