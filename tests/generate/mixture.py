"""Normal classes of rows in the plane: entries, their exact denoiser, and a context of a tiny network."""

from types import SimpleNamespace

import torch

from graphdistill.generate.config import GenerateConfig
from graphdistill.generate.context import Context
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.networks import NetworkConfig
from graphdistill.generate.noise import NoiseSchedule
from graphdistill.generate.space import Entries, Space
from tests.generate.samples import Mixture

MEANS = torch.tensor([[0.6, 0.0], [-0.6, 0.3], [0.0, -0.6]])
DEVIATION = 0.1
SCHEDULE = NoiseSchedule()


def entries(count=240):
    """Entries of three classes."""
    draws = torch.Generator().manual_seed(0)
    y = torch.arange(count) % 3
    z = MEANS[y] + DEVIATION * torch.randn(count, 2, generator=draws)
    index = torch.arange(count)
    splits = {"train": index[: count // 2], "valid": index[count // 2 : -20], "test": index[-20:]}
    return Entries(SimpleNamespace(name="mixture", splits=splits), "rows", z, y, 3, Space((2,)))


def exact():
    """The exact denoiser of the classes."""
    return Mixture(MEANS.tolist(), [DEVIATION] * 3)


def path(x, sigma, to, y):
    """Entries of another level on the exact path of the ordinary differential equation."""
    scale = ((DEVIATION**2 + to**2) / (DEVIATION**2 + sigma**2)).sqrt()[:, None]
    return MEANS[y] + scale * (x - MEANS[y])


def context(seed=0, **words):
    """A context whose teacher is a tiny network."""
    config = GenerateConfig(**{"steps": 3, "batch_size": 16, **words})
    torch.manual_seed(0)
    teacher = Denoiser(NetworkConfig(width=16, depth=1).build((2,), 3), SCHEDULE)
    with torch.no_grad():
        for weight in teacher.parameters():
            weight += 0.1 * torch.randn(weight.shape)
    return Context(teacher=teacher.frozen(), entries=entries(), config=config, seed=seed)


def drawn(generator, seed=0):
    """Entries that a generator draws of each class."""
    return generator.draw(torch.arange(3).repeat(200), generator=torch.Generator().manual_seed(seed))
