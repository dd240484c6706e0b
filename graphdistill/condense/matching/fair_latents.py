r"""Latents of rows that tell nothing of their group: a teacher, a student of half its size, and classes made from them.

Shape legend: n rows, F features, Z latent dimensions, S groups, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.networks.mlp import MLP
from graphdistill.core.networks.table_vae import Columns, TableVAE, divergence, posterior
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.independence import distance_correlation
from graphdistill.core.training.loop import Training, train
from graphdistill.core.training.sampler import RepeatedRandomSampler


@dataclass(frozen=True, kw_only=True)
class LatentConfig:
    """Settings of teacher and student."""

    latent: int = 8
    """Z."""
    width: int = 64
    """Width of the hidden layers of the teacher."""
    independence: float = 200.0
    """Weight of the dependence on the group."""
    label_weight: float = 20.0
    """Weight of the cross-entropy of classes."""
    teacher_steps: int = 800
    """Steps of the teacher."""
    student_steps: int = 400
    """Steps of the student."""
    batch_size: int = 256
    """Rows of a step."""
    lr: float = 3e-3
    """Step size of Adam, which falls to 0 by a cosine."""


@dataclass(frozen=True)
class GroupedRows:
    """Rows with a class and a group each, on one device.

    Attributes:
        x: features, float ``[n, F]``.
        y: class, long ``[n]``.
        group: group, long ``[n]``.
        classes: C.
        groups: S.
    """

    x: Tensor
    y: Tensor
    group: Tensor
    classes: int
    groups: int

    @property
    def share(self) -> Tensor:
        """Share of each group, ``[S]``."""
        return self.group.bincount(minlength=self.groups) / len(self.group)


@dataclass(frozen=True)
class FairLatents:
    """A teacher, its student, and the shares of groups and classes that they were trained on.

    Attributes:
        teacher: autoencoder, whose decoder makes rows.
        student: encoder with at most half of the parameters of the teacher's.
        rows: what they were trained on.

    Raises:
        ValueError: the student has more.
    """

    teacher: TableVAE
    student: MLP
    rows: GroupedRows

    def __post_init__(self) -> None:
        sizes = parameters(self.student), parameters(self.teacher.encoder)
        if 2 * sizes[0] > sizes[1]:
            raise ValueError(f"student has {sizes[0]} parameters, more than half of the teacher's {sizes[1]}")

    def dependence(self, most: int = 2000) -> float:
        """Squared distance correlation of the student's latents and the group, on the first training rows.

        Args:
            most: number of rows, with the square of which the memory grows. (default: 2000)
        """
        mean, _ = posterior(self.student, self.rows.x[:most])
        return float(distance_correlation(mean, F.one_hot(self.rows.group[:most], self.rows.groups).to(mean)))

    def shares(self, x: Tensor) -> Tensor:
        r"""Probabilities of classes of rows from the student's latents alone, as if classes were of equal size.

        .. math:: p(y \mid x) \propto \frac{1}{P(y)} \sum_s P(s) \, p(y \mid \mu(x), s)
        """
        found = self.teacher.fair_shares(posterior(self.student, x)[0], self.rows.share)
        found = found / self.rows.y.bincount(minlength=self.rows.classes)
        return found / found.sum(dim=1, keepdim=True)

    def draw(self, size: int, draws: torch.Generator) -> Tensor:
        """Rows decoded from latents that the student gives training rows, of each class alike, and from random groups.

        Args:
            size: number of rows.
            draws: source of randomness.

        Returns:
            Float ``[size, F]``.
        """
        rows = self.rows
        weight = (1 / rows.y.bincount(minlength=rows.classes))[rows.y]
        index = torch.multinomial(weight.cpu(), size, replacement=True, generator=draws)
        mean, log_variance = posterior(self.student, rows.x[index.to(rows.x.device)])
        z = mean + torch.randn(mean.shape, generator=draws).to(mean) * (log_variance / 2).exp()
        group = torch.multinomial(rows.share.cpu(), size, replacement=True, generator=draws)
        return self.teacher.rows(z, group.to(z.device), draws)


def fair_latents(rows: GroupedRows, config: LatentConfig, seed: int, progress: Progress = NO_PROGRESS) -> FairLatents:
    """Train a teacher on rows, and a student of half the size on its latents.

    Args:
        rows: training rows.
        config: sizes, weights and steps.
        seed: of weights, batches and latents.
        progress: shows bars.

    Raises:
        ValueError: there is one group only, or no student is small enough.
    """
    seen = rows.group.unique()
    if len(seen) < 2:
        raise ValueError(
            f"all {len(rows.x)} training rows are of group {int(seen)}; fairness is between two or more: name "
            f"another column by --group-column"
        )
    teacher = train_teacher(rows, config, seed, progress)
    return FairLatents(teacher, train_student(teacher, rows, config, seed, progress), rows)


def train_teacher(rows: GroupedRows, config: LatentConfig, seed: int, progress: Progress = NO_PROGRESS) -> TableVAE:
    r"""Train an autoencoder whose latents, and the classes made from them, are independent of the group.

    .. math:: L = \mathbb{E} \big[ -\log p(x \mid z, s) - \lambda \log p(y \mid z, s) \big] +
        \mathrm{KL}(q(z \mid x) \Vert \mathcal{N}(0, 1)) + \beta \big( R^2(z, s) + R^2(p(y \mid z), s) \big)

    with the :func:`~graphdistill.core.training.independence.distance_correlation` R of the rows of a step. Arguments
    are those of :func:`fair_latents`.

    Returns:
        The autoencoder without gradients.
    """
    with scoped(seed, "fair latents", "teacher"):
        teacher = TableVAE(Columns.of(rows.x), rows.groups, rows.classes, latent=config.latent, width=config.width).to(
            rows.x.device
        )
    draws, hot = generator(seed, "fair latents", "noise"), F.one_hot(rows.group, rows.groups).float()
    # From 0, for latents that tell nothing at all are independent, too, and are left no more.
    weights = iter((config.independence * torch.linspace(0, 2, config.teacher_steps).clamp(max=1)).tolist())

    def loss(index: Tensor) -> Tensor:
        x, y, group = rows.x[index], rows.y[index], rows.group[index]
        mean, log_variance = teacher.posterior(x)
        z = mean + torch.randn(mean.shape, generator=draws).to(mean) * (log_variance / 2).exp()
        label = F.cross_entropy(teacher.logits(z, group), y, reduction="none")
        dependence = distance_correlation(z, hot[index])
        dependence = dependence + distance_correlation(teacher.fair_shares(z, rows.share), hot[index])
        each = teacher.surprise(z, group, x) + divergence(mean, log_variance) + config.label_weight * label
        total: Tensor = each.mean() + next(weights) * dependence
        return total

    _descend(teacher, loss, rows, config, config.teacher_steps, seed, progress, "training the teacher")
    return teacher


def train_student(
    teacher: TableVAE, rows: GroupedRows, config: LatentConfig, seed: int, progress: Progress = NO_PROGRESS
) -> MLP:
    r"""Train a smaller encoder to give the latents that the teacher gives.

    .. math:: L = \lVert \mu_S - \mu_T \rVert^2 / Z + \mathrm{KL}(q_S(z \mid x) \Vert q_T(z \mid x))

    The first is the loss of quality, the second that of utility. Arguments are those of :func:`fair_latents`.

    Returns:
        The encoder without gradients.
    """
    with scoped(seed, "fair latents", "student"):
        student = half_encoder(teacher.encoder, rows.x.shape[1], config.latent, config.width).to(rows.x.device)

    def loss(index: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = teacher.posterior(rows.x[index])
        found = posterior(student, rows.x[index])
        return F.mse_loss(found[0], wanted[0]) + divergence(*found, *wanted).mean()

    _descend(student, loss, rows, config, config.student_steps, seed, progress, "training the student")
    return student


def half_encoder(encoder: MLP, features: int, latent: int, width: int) -> MLP:
    """The widest encoder of the same depth with at most half of the parameters of another one.

    Args:
        encoder: the larger one.
        features: F.
        latent: Z.
        width: width of the larger one.

    Raises:
        ValueError: even one of width 1 has more.

    Example:
        >>> large = MLP((6,), 8, width=32)
        >>> [parameters(net) for net in (large, half_encoder(large, 6, 4, 32))]
        [1544, 728]
    """
    for narrower in range(width - 1, 0, -1):
        small = MLP((features,), 2 * latent, width=narrower, depth=len(encoder.blocks))
        if 2 * parameters(small) <= parameters(encoder):
            return small
    raise ValueError(
        f"--width must be larger than {width}: its encoder of {features} features and {latent} latents has "
        f"{parameters(encoder)} parameters, and no smaller one has half of them"
    )


def parameters(network: nn.Module) -> int:
    """Number of parameters.

    Example:
        >>> parameters(nn.Linear(2, 3))
        9
    """
    return sum(weight.numel() for weight in network.parameters())


def assigned(shares: Tensor, least: int) -> Tensor:
    """Likeliest class of each row, where a class that would have fewer rows gets those likeliest to be of it.

    Args:
        shares: probabilities of classes, ``[n, C]``.
        least: rows that each class has at least, at most n / C.

    Returns:
        Long ``[n]``.

    Example:
        >>> assigned(torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]]), 1).tolist()
        [0, 1, 0]
    """
    label = shares.argmax(dim=1)
    members = [(label == number).nonzero()[:, 0] for number in range(shares.shape[1])]
    kept = torch.zeros(len(label), dtype=torch.bool)
    for number, own in enumerate(members):
        kept[own[shares[own, number].topk(min(least, len(own))).indices]] = True
    for number, own in enumerate(members):
        if len(own) < least:
            more = shares[:, number].masked_fill(kept, -1).topk(least - len(own)).indices
            label[more], kept[more] = number, True
    return label


def _descend(
    network: nn.Module,
    loss: Callable[[Tensor], Tensor],
    rows: GroupedRows,
    config: LatentConfig,
    steps: int,
    seed: int,
    progress: Progress,
    what: str,
) -> None:
    """Adam with a cosine on random batches; then no weight has a gradient."""
    size = min(config.batch_size, len(rows.x))
    sampler = RepeatedRandomSampler(len(rows.x), size, generator(seed, "fair latents", what))
    optimizer = torch.optim.Adam(network.parameters(), lr=config.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    training = Training(network, optimizer, loss, after_step=lambda *_: schedule.step())
    train(training, lambda _: [sampler.round().to(rows.x.device)], steps, progress=progress, label=what)
    network.eval().requires_grad_(False)
