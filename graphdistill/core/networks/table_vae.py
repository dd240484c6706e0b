r"""A variational autoencoder of rows of a table whose latents can be made independent of a group.

Shape legend: n rows, F features, Z latent dimensions, S groups, C classes, O outputs of the decoder.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdistill.core.networks.mlp import MLP

LARGEST = 10.0
"""Largest feature that is read, in deviations: one outlier would decide the loss."""
LEAST_LOG_SCALE = -2.3
"""Logarithm of the least deviation of a number around its reconstruction, a tenth of its own."""


@dataclass(frozen=True)
class Columns:
    """Which features of a table are numbers, and which are the zeros and ones of one category.

    A category is a run of neighbours of zeros and ones of which at most one is 1 in a row.

    Attributes:
        numbers: indices of numbers.
        categories: indices of each category.

    Example:
        >>> Columns.of(torch.tensor([[0.5, 1.0, 0.0], [0.1, 0.0, 0.0], [0.2, 0.0, 1.0]]))
        Columns(numbers=[0], categories=[[1, 2]])
    """

    numbers: list[int]
    categories: list[list[int]]

    @classmethod
    def of(cls, x: Tensor) -> Self:
        """The columns of rows ``[n, F]``."""
        binary = ((x == 0) | (x == 1)).all(dim=0).tolist()
        found = cls([], [])
        taken = torch.zeros(len(x), device=x.device)
        for column, hot in enumerate(binary):
            if not hot:
                found.numbers.append(column)
                continue
            more = found.categories and found.categories[-1][-1] == column - 1
            if more and float((taken + x[:, column]).max()) <= 1:
                found.categories[-1].append(column)
                taken = taken + x[:, column]
            else:
                found.categories.append([column])
                taken = x[:, column]
        return found

    @property
    def width(self) -> int:
        """O: a mean of each number, and a logit of each text of a category and of none of them."""
        return len(self.numbers) + sum(len(category) + 1 for category in self.categories)

    def surprise(self, out: Tensor, log_scale: Tensor, x: Tensor) -> Tensor:
        """Negative log-likelihood of rows, without its constant, ``[n]``.

        Args:
            out: of the decoder, ``[n, O]``.
            log_scale: logarithm of the deviation of each number.
            x: rows ``[n, F]``.
        """
        mean, *logits = out.split(self._sizes, dim=1)
        log_scale = log_scale.clamp(min=LEAST_LOG_SCALE)
        known = x.index_select(1, torch.tensor(self.numbers, dtype=torch.long, device=x.device))
        total = (((known - mean) / log_scale.exp()).square() / 2 + log_scale).sum(dim=1)
        for category, scores in zip(self.categories, logits, strict=True):
            hot = x[:, category[0] : category[-1] + 1]
            place = torch.where(hot.sum(dim=1) > 0, hot.argmax(dim=1), len(category))
            total = total + F.cross_entropy(scores, place, reduction="none")
        found: Tensor = total
        return found

    def draw(self, out: Tensor, log_scale: Tensor, generator: torch.Generator) -> Tensor:
        """Rows ``[n, F]`` from the distribution that the decoder gives: normal numbers, and one text of a category."""
        mean, *logits = out.split(self._sizes, dim=1)
        noise = torch.randn(mean.shape, generator=generator).to(out.device)
        parts = [mean + log_scale.clamp(min=LEAST_LOG_SCALE).exp() * noise]
        for category, scores in zip(self.categories, logits, strict=True):
            place = torch.multinomial(scores.softmax(dim=1).cpu(), 1, generator=generator).to(out.device)[:, 0]
            parts.append(F.one_hot(place, len(category) + 1)[:, :-1].to(out))
        order = torch.tensor([*self.numbers, *itertools.chain(*self.categories)])
        return torch.cat(parts, dim=1).index_select(1, order.argsort().to(out.device))

    @property
    def _sizes(self) -> list[int]:
        return [len(self.numbers), *(len(category) + 1 for category in self.categories)]


class TableVAE(nn.Module):
    """An encoder of rows, a decoder that reads the group, too, and a classifier on latents and the group.

    Args:
        columns: kinds of the features.
        groups: S.
        classes: C.
        latent: Z.
        width: width of the hidden layers.

    Example:
        >>> x = torch.randn(5, 3)
        >>> vae = TableVAE(Columns.of(x), 2, 2, latent=4, width=8)
        >>> vae.rows(vae.posterior(x)[0], torch.tensor([0, 1, 0, 1, 0]), torch.Generator()).shape
        torch.Size([5, 3])
    """

    def __init__(self, columns: Columns, groups: int, classes: int, *, latent: int, width: int):
        super().__init__()
        self.columns, self.groups = columns, groups
        features = len(columns.numbers) + sum(map(len, columns.categories))
        self.encoder = MLP((features,), 2 * latent, width=width)
        self.decoder = MLP((latent + groups,), columns.width, width=width)
        self.classifier = MLP((latent + groups,), classes, width=width, depth=1)
        self.log_scale = nn.Parameter(torch.zeros(len(columns.numbers)))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the latents of rows, each ``[n, Z]``."""
        return posterior(self.encoder, x)

    def surprise(self, z: Tensor, group: Tensor, x: Tensor) -> Tensor:
        """Negative log-likelihood of rows given their latents and groups, ``[n]``."""
        return self.columns.surprise(self.decoder(self._with(z, group)), self.log_scale, x.clamp(-LARGEST, LARGEST))

    def rows(self, z: Tensor, group: Tensor, generator: torch.Generator) -> Tensor:
        """Rows that are drawn given latents and groups, ``[n, F]``."""
        return self.columns.draw(self.decoder(self._with(z, group)), self.log_scale, generator)

    def logits(self, z: Tensor, group: Tensor) -> Tensor:
        """Logits of classes given latents and groups, ``[n, C]``."""
        out: Tensor = self.classifier(self._with(z, group))
        return out

    def fair_shares(self, z: Tensor, share: Tensor) -> Tensor:
        r"""Probabilities of classes given latents alone, :math:`\sum_s P(s) \, p(y \mid z, s)`, ``[n, C]``.

        Args:
            z: latents ``[n, Z]``.
            share: :math:`P(s)`, ``[S]``.
        """
        parts = [
            weight * self.logits(z, torch.full((len(z),), group, device=z.device)).softmax(dim=1)
            for group, weight in enumerate(share)
        ]
        return torch.stack(parts).sum(dim=0)

    def _with(self, z: Tensor, group: Tensor) -> Tensor:
        return torch.cat([z, F.one_hot(group, self.groups).to(z)], dim=1)


def posterior(encoder: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance that an encoder gives rows, each ``[n, Z]``.

    Example:
        >>> [part.shape for part in posterior(nn.Linear(3, 4), torch.randn(5, 3))]
        [torch.Size([5, 2]), torch.Size([5, 2])]
    """
    mean, log_variance = encoder(x.clamp(-LARGEST, LARGEST)).chunk(2, dim=1)
    return mean, log_variance.clamp(-8, 4)


def divergence(
    mean: Tensor, log_variance: Tensor, other_mean: Tensor | float = 0.0, other_log_variance: Tensor | float = 0.0
) -> Tensor:
    r"""Divergence :math:`\mathrm{KL}(p \Vert q)` of diagonal normal distributions in closed form, ``[n]``.

    Args:
        mean: of p, ``[n, Z]``.
        log_variance: of p.
        other_mean: of q. (default: 0)
        other_log_variance: of q. (default: 0, deviation 1)

    Example:
        >>> divergence(torch.tensor([[1.0]]), torch.zeros(1, 1)).tolist()
        [0.5]
    """
    other = torch.as_tensor(other_log_variance, device=mean.device, dtype=mean.dtype)
    ratio = (log_variance.exp() + (mean - other_mean).square()) / other.exp()
    return ((other - log_variance + ratio - 1) / 2).sum(dim=1)
