"""The teacher: a denoiser that is trained on real entries, and kept where it denoises validation entries best."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.config_checks import check_positive
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.randomness import generator as stream
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import LeastLoss, Training, train
from graphdistill.generate.denoiser import Denoiser, add_noise
from graphdistill.generate.ema import EMA
from graphdistill.generate.networks import NetworkConfig
from graphdistill.generate.noise import NoiseSchedule
from graphdistill.generate.space import Entries, entries_of

CHECKS = 8
"""Noise levels of each validation entry in a check."""
WARMUP = 200
"""Optimizer steps in which the learning rate rises."""


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """Training of a teacher."""

    steps: int = 4000
    """The most optimizer steps."""
    batch_size: int = 128
    """Entries of a step."""
    lr: float = 1e-3
    """Learning rate of AdamW, with cosine decay to a hundredth."""
    ema: float = 0.999
    """Decay of the mean of the weights, which is the teacher."""
    unconditional: float = 0.1
    """Share of entries whose class is hidden, so that guidance can be used."""
    patience: int = 4
    """Validation checks without improvement before training stops; a check comes every 20th of the steps."""

    def __post_init__(self) -> None:
        check_positive(self, "steps", "batch_size", "patience")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr must be above 0 and finite, got {self.lr}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be 0 or more and below 1, got {self.ema}")
        if not 0 <= self.unconditional <= 1:
            raise ValueError(f"unconditional must be 0 to 1, got {self.unconditional}")


def default_network(shape: tuple[int, ...]) -> NetworkConfig:
    """The architecture for entries of a shape: a perceptron up to 8 x 8 pixels, then a mixer of patches.

    Example:
        >>> default_network((1, 8, 8)).network, default_network((1, 16, 16)).network
        ('mlp', 'mixer')
    """
    if len(shape) == 3 and math.prod(shape) > 64:
        patch = next(size for size in (4, 2, 1) if not (shape[1] % size or shape[2] % size))
        return NetworkConfig(network="mixer", patch=patch)
    return NetworkConfig()


def train_teacher(
    data: Dataset | Entries,
    config: TeacherConfig = TeacherConfig(),
    network: NetworkConfig | None = None,
    *,
    schedule: NoiseSchedule = NoiseSchedule(),
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Progress = NO_PROGRESS,
) -> Denoiser:
    r"""Train a denoiser on real entries: Karras et al., NeurIPS 2022, https://arxiv.org/abs/2206.00364.

    .. math:: E_{x_0, \epsilon, \sigma}\ (\sigma^{-2} + \sigma_d^{-2})\,
        \| D(x_0 + \sigma \epsilon, \sigma, y) - x_0 \|^2

    Args:
        data: the data; checkpoints are chosen by the same loss on the validation split.
        config: the training.
        network: the architecture. (default: of :func:`default_network`)
        schedule: noise levels.
        seed: seed of weights, batches and noise.
        device: device that it is trained on.
        progress: shows a bar.

    Returns:
        The mean of the weights over the training, in evaluation mode.
    """
    entries = data if isinstance(data, Entries) else entries_of(data)
    with scoped(seed, "teacher"):
        made = (network or default_network(entries.shape)).build(entries.shape, entries.num_classes)
    denoiser = Denoiser(made, schedule).to(device)
    z, y = (part.to(device) for part in entries.split("train"))
    held, labels = (part.to(device) for part in entries.split("valid"))
    draws = stream(seed, "teacher batches")
    mean = EMA(denoiser, config.ema)
    optimizer = torch.optim.AdamW(denoiser.parameters(), lr=config.lr, betas=(0.9, 0.99), weight_decay=1e-4)

    def batches(step: int) -> Iterator[tuple[Tensor, Tensor]]:
        index = torch.randint(len(z), (config.batch_size,), generator=draws).to(z.device)
        yield z[index], hide_classes(y[index], config.unconditional, entries.num_classes, draws)
        rate = min(1, step / WARMUP) * (0.01 + 0.99 * (1 + math.cos(math.pi * step / config.steps)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = config.lr * rate

    def check() -> float:
        fixed = stream(seed, "teacher checks")
        return sum(float(denoising_loss(mean.module, held, labels, fixed)) for _ in range(CHECKS)) / CHECKS

    training: Training[tuple[Tensor, Tensor]] = Training(
        nn.ModuleList([denoiser, mean.module]),
        optimizer,
        lambda batch: denoising_loss(denoiser, batch[0], batch[1], draws),
        check,
        LeastLoss(),
        config.patience,
        after_step=lambda batch, loss: mean.update(denoiser),
    )
    every = max(1, config.steps // 20)
    train(training, batches, config.steps, eval_every=every, progress=progress, label="training the teacher")
    return mean.module.frozen()


def denoising_loss(denoiser: Denoiser, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """Weighted squared error of a denoiser on entries with noise of lognormal levels; each level counts alike."""
    sigma = denoiser.schedule.lognormal(len(x), generator=generator).to(x.device)
    return denoiser.schedule.distance(denoiser(add_noise(x, sigma, generator), sigma, y), x, sigma)


def hide_classes(y: Tensor, share: float, hidden: int, generator: torch.Generator) -> Tensor:
    """Classes of which a random share is hidden, as guidance needs it.

    Args:
        y: classes, long ``[n]``.
        share: chance of each to be hidden.
        hidden: number that stands for no class.
        generator: source of randomness.

    Example:
        >>> hide_classes(torch.tensor([0, 1]), 1.0, 3, torch.Generator()).tolist()
        [3, 3]
    """
    chosen = torch.rand(len(y), generator=generator) < share
    return y.masked_fill(chosen.to(y.device), hidden)
