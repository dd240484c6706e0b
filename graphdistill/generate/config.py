"""Options of generator distillation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from graphdistill.core.command.base import BaseCommand, check_counts
from graphdistill.core.methods import MethodConfig
from graphdistill.generate.methods import FAMILY


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """Training of a generator, the same for every method."""

    steps: int = 600
    """Updates of the generator."""
    batch_size: int = 128
    """Entries of an update."""
    lr: float = 3e-4
    """Learning rate of Adam."""
    ema: float = 0.98
    """Decay of the mean of the generator's weights, which is what is kept."""
    sampling_steps: int = 1
    """Evaluations of the generator for an entry."""

    def __post_init__(self) -> None:
        check_counts(self, "steps", "batch_size", "sampling_steps")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"--lr must be above 0, got {self.lr}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"--ema must be 0 or more and below 1, got {self.ema}")


@dataclass(frozen=True, kw_only=True)
class Command(GenerateConfig, BaseCommand):
    """Options of the command."""

    method: str | MethodConfig = "dmd2"
    """Name of the method (list prints them all)."""
    dataset: str = "digits"
    """digits, mnist5k (no download), digits/usps, digits/mnist or another name under images/ of the root, an .npz file,
    a folder of images."""
    output: Path = Path("runs/generate")
    """Folder that the generator, its card, report.html, results.json, results.csv, figure.png, samples.png and
    steps.png are written to."""
    image_size: int = 0
    """Height and width that images are resized to (default: they stay)."""
    teacher: Path | None = None
    """Folder of the teacher of each seed: loaded where it is there, otherwise trained and written (default: it is
    trained, and not kept)."""
    teacher_steps: int = 4000
    """The most optimizer steps of the teacher; it stops when it no longer improves on validation."""
    seeds: int = 1
    """Number of teachers, each with its generator, on one split."""
    trainings: int = 3
    """Trainings of a network on what each seed draws."""
    seed: int = 0
    """First seed, and seed of the data split; later seeds add 1 each."""

    def __post_init__(self) -> None:
        BaseCommand.__post_init__(self)
        GenerateConfig.__post_init__(self)
        FAMILY.check(self.method)
        check_counts(self, "teacher_steps", "seeds", "trainings")
        if self.image_size and self.image_size < 8:
            raise ValueError(f"--image-size must be 8 or more, got {self.image_size}")
