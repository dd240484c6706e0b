"""Options of the command of protection."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graphdistill.core.command.base import BaseCommand, check_counts
from graphdistill.core.methods import MethodConfig
from graphdistill.protect.methods import FAMILY

Defence = Literal["augmentation", "smoothing", "random-filters", "adversarial", "clean-validation"]
"""Trainings that may learn from protected images all the same."""
NetworkName = Literal["ConvNet", "MLP", "ViT"]


@dataclass(frozen=True, kw_only=True)
class Defences:
    """Trainings against a protection, and their strengths."""

    defences: tuple[Defence, ...] = (
        "augmentation",
        "smoothing",
        "random-filters",
        "adversarial",
        "clean-validation",
    )
    """Trainings besides the plain one: random crops, cutouts, scales, rotations and colours; Gaussian noise; a new
    random filter for each image, which knows the method but not the key; adversarial training; checkpoints chosen on
    clean images instead of protected ones."""
    noise: float = 0.25
    """Standard deviation of the Gaussian noise of smoothing, of pixels from 0 to 1."""
    epsilon: float = 8 / 255
    """Largest change of a pixel in adversarial training."""

    def __post_init__(self) -> None:
        for name in ("noise", "epsilon"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"--{name} must be above 0, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Command(Defences, BaseCommand):
    """Options of the command."""

    method: str | MethodConfig = "class-filters"
    """Name of the method (list prints them all)."""
    dataset: str = "digits"
    """digits, mnist5k (no download), a name under images/ of the root, an .npz file, a folder of images."""
    key: Path | None = None
    """File of the private key: 32 random bytes or a passphrase, of which line breaks at the end do not count. It is
    never written anywhere."""
    verify: Path | None = None
    """Folder of a protected set: instead of protecting, show that it was made of this data set by this key."""
    output: Path = Path("runs/protect")
    """Folder that the protected set, its card, report.html, results.json, results.csv, figure.png and filters.png are
    written to."""
    networks: tuple[NetworkName, ...] = ("ConvNet", "MLP", "ViT")
    """Networks that are trained on the original and on the protected images."""
    trainings: int = 3
    """Number of trainings of each network on each set."""
    steps: int = 300
    """Optimizer steps of a training."""
    seed: int = 0
    """Seed of the data split; filters come from the key alone."""

    def __post_init__(self) -> None:
        BaseCommand.__post_init__(self)
        Defences.__post_init__(self)
        FAMILY.check(self.method)
        check_counts(self, "trainings", "steps")
        if not self.networks:
            raise ValueError("--networks is empty; choose from ConvNet, MLP, ViT")
