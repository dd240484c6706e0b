"""What a method of generator distillation gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.randomness import generator as stream
from graphdistill.generate.config import GenerateConfig
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.space import Entries, Space


@dataclass(frozen=True, kw_only=True)
class Context:
    """Teacher, data, training and randomness.

    Attributes:
        teacher: the trained denoiser, frozen.
        entries: the data; methods that need none do not read it.
        config: training of the generator.
        seed: seed of all randomness.
        device: device of all networks.
        progress: shows bars.
    """

    teacher: Denoiser
    entries: Entries
    config: GenerateConfig
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    progress: Progress = NO_PROGRESS

    @property
    def space(self) -> Space:
        """Turns what denoisers return into a set."""
        return self.entries.space

    def stream(self, *purpose: object) -> torch.Generator:
        """A generator for one purpose."""
        return stream(self.seed, *purpose)

    def labels(self, classes: Sequence[int], generator: torch.Generator) -> Tensor:
        """Classes of a batch, each as likely; without ``classes`` all of the teacher's are drawn."""
        among = torch.tensor(classes or range(self.teacher.num_classes))
        return among[torch.randint(len(among), (self.config.batch_size,), generator=generator)].to(self.device)

    def levels(self, start: float, count: int = 0) -> list[float]:
        """Noise levels of the generator's steps, or of ``count`` steps, from the first down the grid of the teacher.

        Raises:
            ValueError: the first is not above the teacher's least.
        """
        least = self.teacher.schedule.sigma_min
        if start <= least:
            raise ValueError(f"--start must be above the teacher's least noise level {least:g}, got {start:g}")
        grid = replace(self.teacher.schedule, sigma_max=start).sigmas((count or self.config.sampling_steps) + 1)
        return grid[:-1].tolist()

    def batch(self, generator: torch.Generator, classes: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
        """Real training entries and their classes; without ``classes`` entries of all are drawn.

        Raises:
            ValueError: no training entry is of these classes.
        """
        z, y = self.entries.split("train")
        among = torch.isin(y, torch.tensor(classes)).nonzero().view(-1) if classes else torch.arange(len(y))
        if not len(among):
            raise ValueError(f"{self.entries.data.name} has no training entries of classes {list(classes)}")
        index = among[torch.randint(len(among), (self.config.batch_size,), generator=generator)]
        return z[index].to(self.device), y[index].to(self.device)
