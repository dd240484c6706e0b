"""Rows in the plane that the tests of score distillation share: draws with linear denoisers, a context, a mixture."""

from types import SimpleNamespace

import torch

from graphdistill.core.randomness import generator
from graphdistill.generate.config import GenerateConfig
from graphdistill.generate.context import Context
from graphdistill.generate.noise import NoiseSchedule
from graphdistill.generate.scores import Draw
from graphdistill.generate.space import Entries, Space
from tests.generate.samples import Mixture, denoiser

SCHEDULE = NoiseSchedule(sigma_min=0.05)


class Linear:
    """``A x + b_y`` in the place of a denoiser; the last offset is that of no class."""

    schedule = SCHEDULE

    def __init__(self, seed):
        draws = generator(seed, "linear")
        self.matrix = torch.randn(2, 2, generator=draws, dtype=torch.float64)
        self.offsets = torch.randn(4, 2, generator=draws, dtype=torch.float64)

    def __call__(self, x, sigma, y=None):
        return x @ self.matrix.T + (self.offsets[-1] if y is None else self.offsets[y])

    def guided(self, x, sigma, y, strength):
        return (1 + strength) * self(x, sigma, y) - strength * self(x, sigma)


def linear_draw(count=5, override=None):
    """A draw whose entries want gradients, with noise that is added to them."""
    draws = generator(0, "draw")
    x = torch.randn(count, 2, generator=draws, dtype=torch.float64).requires_grad_()
    y = torch.randint(3, (count,), generator=draws)
    sigma = torch.rand(count, generator=draws, dtype=torch.float64) + 0.1
    noisy = x + sigma[:, None] * torch.randn(count, 2, generator=draws, dtype=torch.float64)
    target = y if override is None else torch.full_like(y, override)
    return Draw(x, y, target, noisy, sigma, Linear(1), Linear(2))


def context(seed=0, teacher=None, entries=None, **words):
    """A context of three classes whose teacher is a tiny network with random weights."""
    config = GenerateConfig(**{"steps": 3, "batch_size": 16, **words})
    return Context(teacher=teacher or tiny(), entries=entries or rows(), config=config, seed=seed)


def tiny(seed=0):
    """A denoiser of three classes with random weights."""
    return denoiser(seed=seed, schedule=SCHEDULE).frozen()


def rows(count=90):
    """Entries of three classes, each around a place of its own."""
    y = torch.arange(count) % 3
    z = torch.tensor([[0.8, 0.0], [-0.8, 0.3], [0.0, -0.8]])[y]
    z = z + 0.1 * torch.randn(count, 2, generator=generator(0, "rows"))
    place = torch.arange(count)
    splits = {"train": place[:60], "valid": place[60:75], "test": place[75:]}
    return Entries(SimpleNamespace(name="plane", splits=splits), "rows", z, y, 3, Space((2,)))


def mixture():
    """The exact denoiser of three places: two of class 0, at shares of a third and two thirds, one of class 1."""
    return Mixture([[-0.7, 0.2], [0.4, 0.6], [0.4, 0.6], [0.5, -0.6]], [0.12] * 4, [0, 0, 0, 1], SCHEDULE)
