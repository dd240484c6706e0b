"""Networks that are trained on original and on protected images, plainly and by defences, and tested on clean ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from graphdistill.core.command.report import Row
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.evaluation.images import ImageProtocol
from graphdistill.core.evaluation.paired import Paired, paired
from graphdistill.core.evaluation.protocol import Attack, Augmentation, real_set
from graphdistill.core.evaluation.rows import baseline_rows, train_rows
from graphdistill.core.methods import MethodConfig
from graphdistill.core.training.adversarial import GradientAscent
from graphdistill.core.training.augment import Augment
from graphdistill.protect.config import Defences
from graphdistill.protect.methods import FAMILY
from graphdistill.protect.protection import hide

ORIGINAL, PROTECTED, SHARED = "original", "protected", "one secret for all classes"
PLAIN = "plain"


@dataclass(frozen=True)
class Treatment:
    """How a training differs from the plain one.

    Attributes:
        augment: from images and a generator. (default: nothing)
        attack: from network, images and labels. (default: nothing)
        clean_validation: whether checkpoints are chosen on clean images. (default: no)
    """

    augment: Augmentation | None = None
    attack: Attack | None = None
    clean_validation: bool = False


def treatments(defences: Defences, method: Any) -> dict[str, Treatment]:
    """The plain training, then those of the defences, by name.

    Args:
        defences: which, and their strengths.
        method: config of the protection, which the defence of random filters knows.
    """
    every = {
        "augmentation": Treatment(Augment().each),
        "smoothing": Treatment(partial(_noise, deviation=defences.noise)),
        "random-filters": Treatment(partial(_randomized, config=method)),
        "adversarial": Treatment(attack=GradientAscent(epsilon=defences.epsilon)),
        "clean-validation": Treatment(clean_validation=True),
    }
    return {PLAIN: Treatment(), **{name: every[name] for name in defences.defences}}


def row_name(images: str, treatment: str) -> str:
    """Name of a row.

    Example:
        >>> row_name(PROTECTED, PLAIN), row_name(PROTECTED, "smoothing")
        ('protected', 'protected, smoothing')
    """
    return images if treatment == PLAIN else f"{images}, {treatment}"


def shared_secret(data: ImageDataset, key: bytes | str, method: MethodConfig) -> ImageDataset:
    """Images that are all changed by the secret of one class: as much of them is lost, but no class is given away."""
    return replace(hide(replace(data, y=torch.zeros_like(data.y)), key, method), y=data.y)


def score_rows(
    protocol: ImageProtocol,
    hidden: ImageDataset,
    treatments: Mapping[str, Treatment],
    shared: ImageDataset,
) -> list[Row]:
    """Train all networks on original and on protected images by all treatments; all test images are clean.

    Checkpoints are chosen on validation images of the kind that is trained on, which is what somebody has who holds a
    part of the protected images out, but for the treatment that has clean ones.

    Args:
        protocol: the original data, networks, trainings.
        hidden: data of :func:`~graphdistill.protect.protection.hide`.
        treatments: of :func:`treatments`.
        shared: data of :func:`shared_secret`, trained on plainly.

    Returns:
        A row for each of them and each network, then the baselines.
    """
    guarded = replace(protocol, data=hidden)
    whole, part = protocol.training_split(), guarded.training_split()
    rows: list[Row] = []
    for name, treatment in treatments.items():
        if treatment.clean_validation:
            rows += train_rows(protocol, row_name(PROTECTED, name), [part])
            continue
        for images, data, split in ((ORIGINAL, protocol, whole), (PROTECTED, guarded, part)):
            treated = replace(data, augment=treatment.augment, attack=treatment.attack)
            rows += train_rows(treated, row_name(images, name), [split])
        if name == PLAIN:
            alike = replace(protocol, data=shared)
            rows += train_rows(alike, SHARED, [alike.training_split()])
    return [*rows, *baseline_rows(guarded, [real_set(*guarded.split("train"))])]


def fall(rows: Sequence[Row], way: str) -> dict[str, Paired]:
    """What a way of training loses by the protection, by network: original minus protected, training by training."""
    found = {(row.name, row.group): row.test for row in rows}
    return {
        str(row.group): paired(found.get((row_name(ORIGINAL, way), row.group), found[ORIGINAL, row.group]), row.test)
        for row in rows
        if row.name == row_name(PROTECTED, way)
    }


def _noise(images: Tensor, generator: torch.Generator, *, deviation: float) -> Tensor:
    return images + deviation * torch.randn(images.shape, generator=generator).to(images.device)


def _randomized(images: Tensor, generator: torch.Generator, *, config: MethodConfig) -> Tensor:
    out: Tensor = FAMILY.module(config).randomize(images, config, generator)
    return out
