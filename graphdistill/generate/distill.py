"""Distil a teacher of diffusion into a generator of one or a few steps, by the method of a name or a config."""

from __future__ import annotations

import copy

import torch

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.device import device_of
from graphdistill.core.methods import MethodConfig
from graphdistill.generate.config import GenerateConfig
from graphdistill.generate.context import Context
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.generator import Generator
from graphdistill.generate.methods import FAMILY
from graphdistill.generate.space import Entries, entries_of
from graphdistill.generate.storage import as_stored


def distill_generator(
    teacher: Denoiser,
    data: Dataset | Entries,
    method: str | MethodConfig = "dmd2",
    config: GenerateConfig = GenerateConfig(),
    *,
    generator: torch.Generator | None = None,
    progress: Progress = NO_PROGRESS,
    device: torch.device | str = "cpu",
) -> Generator:
    """Distil a teacher, which stays as it is, into a generator.

    Args:
        teacher: the trained denoiser, as of :func:`~graphdistill.generate.teacher.train_teacher`.
        data: the data that it was trained on; the validation and test splits are not read.
        method: name of the method, or its config, such as ``DMD2Config(gan=0)``. (default: ``dmd2``)
        config: training of the generator.
        generator: its initial seed seeds all randomness. (default: seed 0)
        progress: shows bars. (default: silent)
        device: device of the work. (default: the CPU)

    Returns:
        The generator, on the CPU, in evaluation mode, with weights that are rounded to 16 bits.

    Raises:
        ValueError: an unknown method or one for other data, a teacher of entries of another size or of other classes,
            or one whose outputs are not finite.

    Example:
        >>> from graphdistill.datasets import load
        >>> from graphdistill.generate.teacher import TeacherConfig, train_teacher
        >>> data = load("digits")
        >>> teacher = train_teacher(data, TeacherConfig(steps=20))
        >>> made = distill_generator(teacher, data, "dmd2", GenerateConfig(steps=2))
        >>> made.sample(torch.arange(10), generator=torch.Generator().manual_seed(0)).data.shape
        torch.Size([10, 1, 8, 8])
    """
    entries = data if isinstance(data, Entries) else entries_of(data)
    FAMILY.check(method, entries.kind)
    _check(teacher, entries)
    context = Context(
        teacher=copy.deepcopy(teacher).to(device).frozen(),
        entries=entries,
        config=config,
        seed=0 if generator is None else generator.initial_seed() % (1 << 62),
        device=torch.device(device),
        progress=progress,
    )
    found: Generator = FAMILY.module(method).distill(context, FAMILY.config(method))
    return as_stored(found.cpu().eval())


def _check(teacher: Denoiser, entries: Entries) -> None:
    """Reject a teacher that does not know the entries or their classes, or that is not finite."""
    name = entries.data.name
    if teacher.shape != entries.shape:
        raise ValueError(
            f"teacher denoises entries of shape {list(teacher.shape)}, but those of {name} have "
            f"{list(entries.shape)}; give the teacher that was trained on them"
        )
    if teacher.num_classes < entries.num_classes:
        raise ValueError(
            f"teacher knows {teacher.num_classes} classes, but {name} has {entries.num_classes}; give the teacher that "
            "was trained on them"
        )
    with torch.no_grad():
        y = torch.arange(teacher.num_classes + 1, device=device_of(teacher))
        out = teacher(torch.zeros(len(y), *teacher.shape, device=y.device), 1.0, y)
    if not bool(torch.isfinite(out).all()):
        raise ValueError("teacher returns values that are not finite; train it with a lower learning rate")
