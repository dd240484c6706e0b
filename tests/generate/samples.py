"""Small images, tiny denoisers and teachers with the exact score that the tests of generators share."""

import functools

import torch
from torch import nn

from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.randomness import generator, scoped
from graphdistill.generate.denoiser import Denoiser
from graphdistill.generate.generator import Generator, Step
from graphdistill.generate.networks import NetworkConfig
from graphdistill.generate.noise import NoiseSchedule
from graphdistill.generate.space import entries_of
from graphdistill.generate.storage import as_stored

TINY = NetworkConfig(width=8, depth=1)


@functools.cache
def images(side=4, channels=1, name="rows"):
    """Thirty images of three classes, each bright in a row of its own."""
    draws = generator(0, "images")
    y = torch.arange(30) % 3
    pixels = 0.2 * torch.rand(30, channels, side, side, generator=draws)
    pixels[torch.arange(30), :, y + 1] += 0.7
    place = torch.arange(30)
    return ImageDataset(name, pixels, y, place[:15], place[15:21], place[21:])


def entries(**words):
    return entries_of(images(**words))


def denoiser(shape=(2,), num_classes=3, seed=0, config=TINY, **words):
    """A denoiser whose weights are random, those that begin as 0, too."""
    with scoped(seed, "denoiser"):
        made = Denoiser(config.build(shape, num_classes), **words)
        with torch.no_grad():
            for value in made.parameters():
                value.copy_(0.3 * torch.randn_like(value))
    return made


def made_generator(shape=(2,), num_classes=3, seed=0, levels=(2.5,), **words):
    """A generator of one denoiser, with weights of 16 bits."""
    made = denoiser(shape, num_classes, seed)
    return as_stored(Generator(made, [Step(sigma=level) for level in levels], **words).eval())


class _Components(nn.Module):
    """Normal distributions with one deviation each, and the class of each, in the place of a network."""

    def __init__(self, means, deviations, classes):
        super().__init__()
        self.means, self.deviations, self.classes = map(torch.as_tensor, (means, deviations, classes))
        self.shape, self.num_classes = tuple(self.means.shape[1:]), int(self.classes.max()) + 1


class Mixture(Denoiser):
    """The exact denoiser of a mixture of normal distributions, all components as likely.

    Given a component, clean and noisy entry are jointly normal, so that the mean of the clean one is linear in x.
    """

    def __init__(self, means, deviations, classes=None, schedule=NoiseSchedule()):
        super().__init__(_Components(means, deviations, range(len(means)) if classes is None else classes), schedule)

    def forward(self, x, sigma, y=None, *, guidance=None, level=None):
        parts = self.network
        sigma = torch.as_tensor(sigma, dtype=x.dtype).expand(len(x))[:, None]
        total = parts.deviations**2 + sigma**2  # [n, K]
        apart = x[:, None] - parts.means  # [n, K, 2]
        share = -apart.square().sum(dim=2) / (2 * total) - x.shape[1] / 2 * total.log()
        if y is not None:
            others = (parts.classes != y[:, None]) & (y < self.num_classes)[:, None]
            share = share.masked_fill(others, -torch.inf)
        clean = parts.means + (parts.deviations**2 / total)[..., None] * apart
        return (share.softmax(dim=1)[..., None] * clean).sum(dim=1)

    def draw(self, y, draws):
        """Entries of classes, and the components that they are of."""
        parts = self.network
        likely = (parts.classes == y[:, None]).float()
        component = torch.multinomial(likely, 1, generator=draws).view(-1)
        noise = torch.randn(len(y), *self.shape, generator=draws)
        return parts.means[component] + parts.deviations[component][:, None] * noise, component


def two_moons():
    """Three components in the plane: two of class 0, one of class 1."""
    means = [[-0.8, 0.3], [0.5, 0.7], [0.2, -0.6]]
    return Mixture(means, [0.1, 0.2, 0.3], [0, 0, 1])
