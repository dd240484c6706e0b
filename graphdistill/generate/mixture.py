"""Mixtures of normal distributions, whose denoiser is known exactly: a teacher to check methods against."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from graphdistill.core.data.datasets import TableDataset
from graphdistill.core.randomness import generator as stream
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import Training, train
from graphdistill.generate.denoiser import Denoiser, add_noise
from graphdistill.generate.networks import NetworkConfig
from graphdistill.generate.noise import NoiseSchedule


class MixtureDenoiser(Denoiser):
    r"""The exact denoiser of a mixture of normal distributions with equal weights and one deviation s.

    .. math:: D(x, \sigma, y) = \sum_k p_k(x) \Bigl(m_k + \frac{s^2}{s^2 + \sigma^2} (x - m_k)\Bigr), \quad
        p_k(x) \propto \exp\Bigl(-\frac{\| x - m_k \|^2}{2 (s^2 + \sigma^2)}\Bigr)

    over the components k of class y. A copy of it is a network that was trained to return the same.

    Args:
        means: means of the components, float ``[K, d]``.
        classes: class of each component, long ``[K]``.
        deviation: standard deviation s of each component.
        schedule: noise levels.
        steps: optimizer steps of a copy. (default: 1000)

    Example:
        >>> mixture = MixtureDenoiser(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]), 0.1)
        >>> [round(mixture(torch.tensor([[0.3]]), sigma).item(), 2) for sigma in (5.0, 0.01)]
        [0.01, 0.31]
    """

    def __init__(
        self,
        means: Tensor,
        classes: Tensor,
        deviation: float,
        schedule: NoiseSchedule = NoiseSchedule(),
        *,
        steps: int = 1000,
    ):
        super().__init__(_Components(means, classes), schedule)
        self.deviation, self.steps = deviation, steps
        self.made: Denoiser | None = None

    def forward(
        self,
        x: Tensor,
        sigma: Tensor | float,
        y: Tensor | None = None,
        *,
        guidance: Tensor | None = None,
        level: Tensor | float | None = None,
    ) -> Tensor:
        """The mean of the clean entries, ``[n, d]``; guidance and another level for a network mean nothing to it."""
        assert isinstance(self.network, _Components)
        means, classes = self.network.means, self.network.classes
        level = (sigma if isinstance(sigma, Tensor) else torch.full((len(x),), float(sigma)))[:, None]
        variance = self.deviation**2 + level**2
        logits = -torch.cdist(x, means).square() / (2 * variance)
        if y is not None:
            others = (classes != y[:, None]) & (y[:, None] < self.num_classes)
            logits = logits.masked_fill(others, -math.inf)
        centre = logits.softmax(dim=1) @ means
        return centre + self.deviation**2 / variance * (x - centre)

    def copy(self) -> Denoiser:
        """A network that was trained to return the same, all of whose weights are trained."""
        if self.made is None:
            self.made = _imitation(self, self.steps)
        return self.made.copy()

    def draw(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Entries of given classes, ``[n, d]``."""
        assert isinstance(self.network, _Components)
        same = (self.network.classes == y[:, None]).float()
        component = torch.multinomial(same, 1, generator=generator).view(-1)
        return add_noise(self.network.means[component], self.deviation, generator)


class _Components(nn.Module):
    """Means and classes in the place of a network."""

    def __init__(self, means: Tensor, classes: Tensor):
        super().__init__()
        self.means, self.classes = means.float(), classes
        self.shape, self.num_classes = tuple(means.shape[1:]), int(classes.max()) + 1


def ring(components: int = 8, *, deviation: float = 0.03) -> MixtureDenoiser:
    """Components on a circle whose entries have a deviation of 0.5, two neighbours of each class.

    Args:
        components: number of components. (default: 8)
        deviation: standard deviation of each. (default: 0.03)
    """
    angle = torch.arange(components) * (2 * math.pi / components)
    means = 0.5 * math.sqrt(2) * torch.stack([angle.cos(), angle.sin()], dim=1)
    return MixtureDenoiser(means, torch.arange(components) // 2, deviation)


def table_of(mixture: MixtureDenoiser, entries: int = 3000, seed: int = 0) -> TableDataset:
    """Entries of a mixture as a table: four fifths to train on, a tenth to choose and a tenth to test on."""
    y = torch.arange(entries) % mixture.num_classes
    x = mixture.draw(y, stream(seed, "mixture"))
    first, second = entries * 4 // 5, entries * 9 // 10
    place = torch.arange(entries)
    columns = tuple(f"x{number}" for number in range(x.shape[1]))
    return TableDataset("mixture", x, y, place[:first], place[first:second], place[second:], columns=columns)


def mode_errors(mixture: MixtureDenoiser, x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Components that are found, the error of their shares, and entries near no component of their class.

    Args:
        mixture: the mixture.
        x: entries that were drawn, ``[n, d]``.
        y: their classes.

    Returns:
        The share of components with a quarter of their entries or more, half of the summed absolute differences of
        shares, and the share of entries farther than four deviations from every component of their class.
    """
    assert isinstance(mixture.network, _Components)
    means, classes = mixture.network.means, mixture.network.classes
    distance = torch.cdist(x, means).masked_fill(classes != y[:, None], math.inf)
    nearest, component = distance.min(dim=1)
    near = nearest <= 4 * mixture.deviation
    counted = component[near].bincount(minlength=len(means)).double() / len(x)
    wanted = y.bincount(minlength=mixture.num_classes).double()[classes] / len(x)
    wanted /= classes.bincount()[classes]
    found = float((counted >= wanted / 4).double().mean())
    return found, float((counted - wanted).abs().sum() / 2), float((~near).double().mean())


def _imitation(mixture: MixtureDenoiser, steps: int) -> Denoiser:
    """A network with the outputs of the exact denoiser."""
    with scoped(0, "imitation"):
        made = Denoiser(NetworkConfig().build(mixture.shape, mixture.num_classes), mixture.schedule)
    draws = stream(0, "imitation")
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-3)

    def batches(step: int) -> Iterator[Tensor]:
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 - (step - 1) / steps)
        yield torch.randint(mixture.num_classes + 1, (256,), generator=draws)

    def loss(y: Tensor) -> Tensor:
        x = mixture.draw(y % mixture.num_classes, draws)
        sigma = mixture.schedule.lognormal(len(x), generator=draws)
        noisy = add_noise(x, sigma, draws)
        return mixture.schedule.distance(made(noisy, sigma, y), mixture(noisy, sigma, y), sigma)

    train(Training(made, optimizer, loss), batches, steps, label="imitating the mixture")
    return made
