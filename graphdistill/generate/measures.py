"""How near drawn entries are to real ones: distances of features, spread within a class, precision and recall.

Shape legend: n entries, D features.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.networks.mlp import MLP
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.fit import FitConfig, fit
from graphdistill.generate.space import Entries

DRAWS = 5
"""Random real sets, of which the mean distance to held-out entries is the unit of distances."""
MOST = 2000
"""Held-out entries that are compared with."""
NEIGHBOURS = 3
"""Neighbours of an entry that span its neighbourhood in precision and recall."""


def frechet_distance(first: Tensor, second: Tensor) -> float:
    r"""Distance of two sets as normal distributions: Heusel et al., NeurIPS 2017, https://arxiv.org/abs/1706.08500.

    .. math:: \| \mu_1 - \mu_2 \|^2 + \mathrm{tr}\bigl(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2}\bigr)

    It falls with the number of entries, so only distances of as many entries compare.

    Args:
        first: features, float ``[n, D]``.
        second: features, float ``[m, D]``.

    Example:
        >>> x = torch.tensor([[0.0], [2.0]])
        >>> frechet_distance(x, x + 3)
        9.0
    """
    a, b = first.double().numpy(), second.double().numpy()
    covariances = [np.atleast_2d(np.cov(values, rowvar=False)) for values in (a, b)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    mixed = np.sqrt(np.linalg.eigvalsh(root @ covariances[1] @ root).clip(0)).sum()
    trace = np.trace(covariances[0]) + np.trace(covariances[1])
    return max(0.0, float(((a.mean(0) - b.mean(0)) ** 2).sum() + trace - 2 * mixed))


def kernel_distance(first: Tensor, second: Tensor) -> float:
    r"""Squared maximum mean discrepancy, without bias, of the kernel :math:`(x^\top y / D + 1)^3`.

    Binkowski et al., ICLR 2018, https://arxiv.org/abs/1801.01401. It may be below 0, and does not depend on how many
    entries there are.

    Args:
        first: features, float ``[n, D]``.
        second: features, float ``[m, D]``.

    Example:
        >>> x = torch.arange(4.0)[:, None]
        >>> kernel_distance(x, x) < kernel_distance(x, x + 1)
        True
    """
    a, b = first.double(), second.double()
    own = [((x @ x.T / x.shape[1] + 1) ** 3, len(x)) for x in (a, b)]
    within = sum((kernel.sum() - kernel.trace()) / (n * (n - 1)) for kernel, n in own)
    return float(within - 2 * ((a @ b.T / a.shape[1] + 1) ** 3).mean())


def precision_recall(real: Tensor, drawn: Tensor, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """Share of drawn entries that lie among real ones, and of real ones that lie among drawn ones.

    Kynkaanniemi et al., NeurIPS 2019, https://arxiv.org/abs/1904.06991: an entry lies among others if it is nearer to
    one of them than that one's k-th neighbour is.

    Args:
        real: features, float ``[n, D]``.
        drawn: features, float ``[m, D]``.
        neighbours: number k. (default: 3)

    Example:
        >>> real = torch.arange(10.0)[:, None]
        >>> precision_recall(real, real[:5])
        (1.0, 0.8)
    """

    def among(entries: Tensor, others: Tensor) -> float:
        reach = torch.cdist(others, others).kthvalue(min(neighbours + 1, len(others)), dim=1).values
        return float((torch.cdist(entries, others) <= reach).any(dim=1).double().mean())

    return among(drawn, real), among(real, drawn)


def in_class_spread(x: Tensor, y: Tensor) -> float:
    """Standard deviation of a number of an entry within its class, the mean over numbers and classes.

    Classes of a single entry do not count; it is 0 if there are no others.

    Example:
        >>> in_class_spread(torch.tensor([[0.0], [2.0], [5.0], [5.0]]), torch.tensor([0, 0, 1, 1]))
        0.5
    """
    parts = [x[y == label].flatten(1) for label in y.unique()]
    spreads = [float(part.std(dim=0, correction=0).mean()) for part in parts if len(part) > 1]
    return statistics.fmean(spreads) if spreads else 0.0


@dataclass(frozen=True)
class HeldOut:
    """Held-out entries as features of a fixed classifier, which drawn entries are compared with.

    Attributes:
        classifier: the classifier, trained on the training split with seed 0.
        features: features of the held-out entries, ``[n, D]``.
        y: their classes.
        unit: mean Frechet distance of as many random training entries of the same classes.
        entries: the data.
    """

    classifier: MLP
    features: Tensor
    y: Tensor
    unit: float
    entries: Entries

    @torch.no_grad()
    def embed(self, z: Tensor) -> Tensor:
        """Features of entries in the unit of denoisers."""
        return self.classifier.embed(self.entries.space.values(z))

    @torch.no_grad()
    def classify(self, z: Tensor) -> Tensor:
        """Classes that the classifier sees in entries, long ``[n]``."""
        out: Tensor = self.classifier(self.entries.space.values(z)).argmax(dim=1)
        return out

    def measure(self, z: Tensor, y: Tensor) -> dict[str, float]:
        """Measures of drawn entries by name.

        Args:
            z: as many entries as are held out, in the unit of denoisers.
            y: their classes, those of the held-out entries.
        """
        features = self.embed(z)
        precision, recall = precision_recall(self.features, features)
        return {
            "Frechet": frechet_distance(features, self.features) / self.unit,
            "MMD": kernel_distance(features, self.features),
            "spread": in_class_spread(self.entries.space.values(z), y),
            "precision": precision,
            "recall": recall,
            "as asked": float((self.classify(z) == y).float().mean()),
        }


def held_out(entries: Entries, split: str = "test") -> HeldOut:
    """The held-out entries of a split, at most 2,000.

    Args:
        entries: the data; the classifier is trained on the training split and chosen on the validation split.
        split: ``test``, or ``valid`` to choose on. (default: ``test``)

    Raises:
        ValueError: the split has fewer entries than a covariance needs, a class without training entries, or only
            entries that are equal to training entries.
    """
    space, (z, y) = entries.space, entries.split(split)
    z, y = z[:MOST], y[:MOST]
    if len(z) < 2 * NEIGHBOURS:
        raise ValueError(f"{entries.data.name} has {len(z)} {split} entries; distances need {2 * NEIGHBOURS} or more")
    (train, labels), valid = entries.split("train"), entries.split("valid")
    if missing := sorted({*y.tolist()} - {*labels.tolist()}):
        raise ValueError(
            f"{entries.data.name} has {split} entries of class {missing[0]}, but no training entries of it"
        )
    with scoped(0, "classifier of measures"):
        classifier = MLP(entries.shape, entries.num_classes)
    fit(
        classifier,
        space.values(train),
        labels,
        valid=(space.values(valid[0]), valid[1]),
        metric="accuracy",
        task="multiclass",
        config=FitConfig(steps=1000, batch_size=256),
    )
    found = HeldOut(classifier.eval(), torch.empty(0), y, 1.0, entries)
    features = found.embed(z)
    distances = [frechet_distance(found.embed(real_entries(entries, y, draw)), features) for draw in range(DRAWS)]
    unit = statistics.fmean(distances)
    if not unit > 0:
        raise ValueError(
            f"{entries.data.name} has {split} entries that are equal to training entries; distances need others"
        )
    return HeldOut(classifier, features, y, unit, entries)


def real_entries(entries: Entries, y: Tensor, draw: int = 0) -> Tensor:
    """Random training entries of given classes; those of a class repeat if it has too few.

    Args:
        entries: the data.
        y: classes, long ``[n]``.
        draw: number of the draw.
    """
    z, labels = entries.split("train")
    out, draws = torch.empty(len(y), *entries.shape), generator(draw, "real entries")
    for label in y.unique().tolist():
        mine, want = (labels == label).nonzero().view(-1), int((y == label).sum())
        rounds = [mine[torch.randperm(len(mine), generator=draws)] for _ in range(-(-want // max(1, len(mine))))]
        out[y == label] = z[torch.cat(rounds)[:want]]
    return out
