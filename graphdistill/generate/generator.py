"""A generator: a few evaluations of denoisers from noise to entries, drawn like a stored set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from graphdistill.core.device import device_of
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.generate.denoiser import Denoiser, add_noise
from graphdistill.generate.space import Space

CHUNK = 512
"""Entries that are drawn at a time."""


@dataclass(frozen=True, kw_only=True)
class Step:
    r"""One step of a generator, from entries of one noise level to those of the next.

    Attributes:
        sigma: noise level of the entries that the step gets.
        model: number of the denoiser. (default: 0)
        guidance: strength of guidance. (default: 0)
        embedded: whether the denoiser knows guidance as an input, so that it costs no second evaluation.
        level: noise level that the network gets in place of ``sigma``: where on its path the result lies.
            (default: none)
        move: ``noise`` adds new noise of the next level :math:`\sigma'` to D; ``ode`` moves along the ordinary
            differential equation, :math:`D + \tfrac{\sigma'}{\sigma} (x - D)`. The last step returns D.

    Raises:
        ValueError: a level or a strength that is not finite, or another move.
    """

    sigma: float
    model: int = 0
    guidance: float = 0.0
    embedded: bool = False
    level: float | None = None
    move: Literal["noise", "ode"] = "noise"

    def __post_init__(self) -> None:
        if not (self.sigma > 0 and math.isfinite(self.sigma)):
            raise ValueError(f"sigma must be above 0 and finite, got {self.sigma}")
        if self.level is not None and not (self.level > 0 and math.isfinite(self.level)):
            raise ValueError(f"level must be above 0 and finite, got {self.level}")
        if not math.isfinite(self.guidance):
            raise ValueError(f"guidance must be finite, got {self.guidance}")
        if self.move not in ("noise", "ode"):
            raise ValueError(f"move must be noise or ode, got {self.move!r}")

    @property
    def evaluations(self) -> int:
        """Evaluations of a network."""
        return 2 if self.guidance and not self.embedded else 1


class Generator(nn.Module):
    """Draws synthetic entries of given classes from noise, in one step or in a few.

    It satisfies the protocol of a stored set: what trains on a :class:`~graphdistill.core.sets.synthetic.SyntheticSet`
    trains on ``generator.sample(labels, generator=...)``.

    Args:
        models: the denoiser, or several.
        steps: the steps, from the highest noise level to the least.
        space: turns what the denoisers return into a set. (default: rows as they are)
        route: number of the denoiser of each class, where classes have denoisers of their own; then the ``model`` of
            steps does not matter. (default: none)

    Raises:
        ValueError: no denoisers or steps, denoisers of other entries or classes than the first one's, levels that do
            not fall, or a number of a denoiser that does not exist.

    Example:
        >>> from graphdistill.generate.networks import NetworkConfig
        >>> made = Generator(Denoiser(NetworkConfig(width=16).build((2,), 3)), [Step(sigma=5.0)])
        >>> made.sample(torch.tensor([0, 2]), generator=torch.Generator().manual_seed(0)).data.shape
        torch.Size([2, 2])
    """

    def __init__(
        self,
        models: Denoiser | Sequence[Denoiser],
        steps: Sequence[Step],
        space: Space | None = None,
        *,
        route: Sequence[int] = (),
    ):
        super().__init__()
        self.models = nn.ModuleList([models] if isinstance(models, Denoiser) else models)
        self.steps, self.route = tuple(steps), tuple(route)
        known = {(model.shape, model.num_classes) for model in map(self._model, range(len(self.models)))}
        if len(known) != 1:
            raise ValueError(f"models must be one or more of the same entries and classes, got {sorted(known)}")
        self.space = Space(self._model(0).shape) if space is None else space
        levels = [step.sigma for step in self.steps]
        if not levels or sorted(levels, reverse=True) != levels:
            raise ValueError(f"steps must be one or more from the highest level down, got {levels}")
        used = [*self.route, *(step.model for step in self.steps)]
        if max(used) >= len(self.models) or min(used) < 0:
            wrong = max(used) if max(used) >= len(self.models) else min(used)
            raise ValueError(f"steps and route may name denoisers from 0 to {len(self.models) - 1}, got {wrong}")
        if self.route and len(self.route) != self.num_classes:
            raise ValueError(f"route must name a denoiser for each of {self.num_classes} classes, got {self.route}")

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self._model(0).num_classes

    @property
    def evaluations(self) -> int:
        """Evaluations of a network that an entry needs."""
        return sum(step.evaluations for step in self.steps)

    def start(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Noise of the first level, an entry for each class."""
        noise = torch.randn(len(y), *self._model(0).shape, generator=generator)
        return self.steps[0].sigma * noise.to(y.device)

    def forward(
        self,
        x: Tensor,
        y: Tensor,
        generator: torch.Generator | None = None,
        trace: list[Tensor] | None = None,
    ) -> Tensor:
        """Entries from noise of :meth:`start`, with gradients.

        Args:
            x: noise of the first level.
            y: classes, long ``[n]``.
            generator: source of the noise between steps, which one step does not need. (default: none)
            trace: a list that gets the clean entries that each step implies. (default: none)
        """
        levels = [*(step.sigma for step in self.steps[1:]), None]
        for step, after in zip(self.steps, levels, strict=True):
            clean = self.denoise(x, y, step)
            if trace is not None:
                trace.append(clean.detach())
            x = clean if after is None else _move(x, clean, step, after, generator)
        return x

    def denoise(self, x: Tensor, y: Tensor, step: Step) -> Tensor:
        """Clean entries by the denoiser of a step."""
        if not self.route:
            return _denoise(self._model(step.model), x, y, step)
        out, route = torch.empty_like(x), torch.tensor(self.route, device=y.device)[y]
        for number in route.unique().tolist():
            mine = route == number
            out[mine] = _denoise(self._model(number), x[mine], y[mine], step)
        return out

    def advance(self, x: Tensor, y: Tensor, step: Step, sigma: float, generator: torch.Generator | None) -> Tensor:
        """Entries of the next noise level."""
        return _move(x, self.denoise(x, y, step), step, sigma, generator)

    @torch.no_grad()
    def draw(self, labels: Tensor, *, generator: torch.Generator) -> Tensor:
        """Entries in the unit of the denoisers, ``[n, *shape]``, on the CPU.

        Args:
            labels: classes, long ``[n]``.
            generator: source of randomness.

        Raises:
            ValueError: a class that the denoisers do not know, or no labels.
        """
        self.check(labels)
        self.eval()
        device = device_of(self)
        parts = [part.to(device) for part in labels.split(CHUNK)]
        return torch.cat([self(self.start(y, generator), y, generator).cpu() for y in parts])

    def sample(self, labels: Tensor, *, generator: torch.Generator) -> SyntheticSet:
        """A set of entries of given classes.

        Args:
            labels: classes, long ``[n]``.
            generator: source of randomness.

        Raises:
            ValueError: a class that the denoisers do not know, or no labels.
        """
        return self.space.decode(self.draw(labels, generator=generator), labels)

    def check(self, labels: Tensor) -> None:
        """Reject labels that are no classes of the denoisers.

        Raises:
            ValueError: with the classes that there are.
        """
        if labels.dim() != 1 or labels.dtype != torch.long or not len(labels):
            raise ValueError(f"labels must be long [n] with n of 1 or more, got {labels.dtype} {list(labels.shape)}")
        for label in labels.aminmax():
            if not 0 <= int(label) < self.num_classes:
                raise ValueError(f"labels must be classes from 0 to {self.num_classes - 1}, got {int(label)}")

    def _model(self, number: int) -> Denoiser:
        found: Any = self.models[number]
        assert isinstance(found, Denoiser)
        return found


def _move(x: Tensor, clean: Tensor, step: Step, sigma: float, generator: torch.Generator | None) -> Tensor:
    """Entries of the next noise level from those of a step and what they are without noise."""
    if step.move == "ode":
        return clean + sigma / step.sigma * (x - clean)
    if generator is None:
        raise ValueError("generator must be given: the steps add noise")
    return add_noise(clean, sigma, generator)


def _denoise(model: Denoiser, x: Tensor, y: Tensor, step: Step) -> Tensor:
    if step.embedded or step.level is not None:
        strength = torch.full((len(x),), step.guidance, device=x.device) if step.embedded else None
        found: Tensor = model(x, step.sigma, y, guidance=strength, level=step.level)
        return found
    return model.guided(x, step.sigma, y, step.guidance)
