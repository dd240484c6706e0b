r"""Virtual images: a client's match its real images, the server's match the updates of the clients.

A client: distribution matching (:mod:`graphdistill.condense.methods.dm`), first on random networks, then on the global
model; of classes, or of groups of similar images within each class, so that every virtual image has its own target and
few steps suffice. The server: gradient matching of the pseudo-gradient of a round,

.. math:: \min_X D\big(\nabla_\theta L(X, y; \theta_{old}), (\theta_{old} - \theta_{new}) / \eta\big)

with the row-wise cosine distance :math:`D` of :func:`graphdistill.condense.matching.objective.row_distance`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn

from fed.data.client_data import Pairs
from graphdistill.condense.extend import (
    Augment,
    LearnableSet,
    MomentMatch,
    NotFinite,
    Recipe,
    Step,
    TrainingImages,
    gradient,
    learn,
    row_distance,
)
from graphdistill.core.data.tensors import to_device
from graphdistill.core.device import device_of
from graphdistill.core.randomness import generator, scoped


@dataclass(frozen=True)
class GradientTarget:
    """Distance of the gradient on the set from a given one.

    Attributes:
        target: gradient of every parameter.
    """

    target: list[Tensor]

    def accumulate(self, step: Step) -> float:
        """Distance over the whole set, without augmentation, since only the clients' updates are known."""
        ours = gradient(step.net, step.synthetic.inputs(), step.synthetic.labels, differentiable=True)
        return step.synthetic.backward(row_distance(ours, self.target))


def warm_up(
    real: Pairs,
    per_class: int,
    seed: int,
    steps: int,
    *,
    batch: int = 64,
    group_size: int | None = None,
    device: torch.device | str = "cpu",
) -> Pairs:
    """A client's first virtual images, by distribution matching on random networks.

    They start as noise around the mean of their class or group, so no pixel of a real image is copied.

    Args:
        real: the client's training images and classes; classes may be missing.
        per_class: images of each class that it has.
        seed: of all randomness.
        steps: of matching.
        batch: real images of each class in a step, divided among its groups. (default: 64)
        group_size: fewest real images of a group, where each image is matched with its own group of a class, by
            :func:`grouped`. (default: each is matched with all of its class)
        device: device of the matching. (default: the CPU)
    """
    x, y = real
    held = y.unique()
    group = y if group_size is None else grouped(real, per_class, seed, group_size)
    target = torch.cat([_cycled(group[y == label].unique(), per_class) for label in held])
    means = torch.stack([x[group == number].mean(dim=0) for number in target])
    noise = 0.2 * torch.randn(means.shape, generator=generator(seed, "virtual noise"))

    def fresh(step: int) -> nn.Module:
        with scoped(seed, "warm-up network", step):
            return _real(real).network().to(device)

    share = max(1, batch * len(held) // len(target.unique()))
    made, _ = match_means((x, group), ((means + noise).clamp(0, 1), target), fresh, steps, seed, share, device=device)
    return made, held.repeat_interleave(per_class)


def _cycled(groups: Tensor, count: int) -> Tensor:
    return groups.repeat(-(-count // len(groups)))[:count]


def grouped(real: Pairs, per_class: int, seed: int, group_size: int = 5) -> Tensor:
    """Group of every real image, long ``[n]``: k-means of the pixels of its class; small groups join the nearest.

    Args:
        real: images and classes.
        per_class: groups of a class; fewer where some would have fewer images than ``group_size``.
        seed: of the initial means.
        group_size: fewest images of a group. (default: 5)

    Example:
        >>> x = torch.tensor([0.0, 0.1] * 5 + [0.9, 1.0] * 5 + [0.5]).view(21, 1, 1, 1)
        >>> grouped((x, torch.zeros(21, dtype=torch.long)), 3, 0).unique(return_counts=True)[1].sort().values.tolist()
        [10, 11]
    """
    x, y = real[0].flatten(1), real[1]
    out, count = torch.empty_like(y), 0
    for label in y.unique():
        index = (y == label).nonzero().view(-1)
        draws = int(torch.randint(2**31 - 1, (), generator=generator(seed, "groups", int(label))))
        found = KMeans(min(per_class, len(index)), n_init=1, random_state=draws).fit(x[index].numpy())
        large = torch.bincount(torch.from_numpy(found.labels_).long()) >= group_size
        centers = torch.from_numpy(found.cluster_centers_).to(x.dtype)[large]
        out[index] = count + torch.cdist(x[index], centers).argmin(dim=1) if len(centers) else count
        count += max(1, len(centers))
    return out


def _real(real: Pairs) -> TrainingImages:
    """The images with their classes numbered without gaps, as matching needs them."""
    held, compact = real[1].unique(return_inverse=True)
    return TrainingImages(real[0], compact, len(held))


def match_means(
    real: Pairs,
    virtual: Pairs,
    networks: Callable[[int], Any],
    steps: int,
    seed: int,
    batch: int = 64,
    lr: float = 0.1,
    device: torch.device | str = "cpu",
) -> Pairs:
    """Distribution matching of virtual images with real ones.

    Args:
        real: images and classes.
        virtual: initial images and classes, of exactly the classes that ``real`` holds.
        networks: the network of a step.
        steps: number of steps.
        seed: of the samples.
        batch: real images of each class, or group, in a step. (default: 64)
        lr: learning rate for one image of each class. (default: that of ``dm``)
        device: device of the networks. (default: the CPU)

    Returns:
        The images and their classes, on the CPU.
    """
    held, compact = virtual[1].unique(return_inverse=True)
    synthetic = LearnableSet(virtual[0], compact).to(device)
    lr = lr * len(compact) / len(held)
    if steps:
        recipe = Recipe(objective=MomentMatch(batch), schedule=None, augment=Augment(), steps=steps, lr=lr)
        _learn(synthetic, _real(real).to(device), recipe, networks, seed)
    return synthetic.x.detach().cpu(), virtual[1]


def match_gradient(net: nn.Module, wanted: list[Tensor], virtual: Pairs, steps: int) -> Pairs:
    """The server's virtual images after gradient matching, on the network's device; the network is only read.

    Args:
        net: the global model before the round.
        wanted: pseudo-gradient of the round in each of its parameters; those of one dimension do not count.
        virtual: initial images and classes.
        steps: number of steps.
    """
    device = device_of(net)
    synthetic, target = LearnableSet(*virtual).to(device), to_device(wanted, device)
    if steps:
        recipe = Recipe(objective=GradientTarget(target), schedule=None, steps=steps, lr=len(virtual[1]) / 100)
        # Nothing is sampled, so the seed does not matter.
        _learn(synthetic, None, recipe, lambda step: net, 0)
    return synthetic.x.detach().cpu(), virtual[1]


def _learn(
    synthetic: LearnableSet, real: TrainingImages | None, recipe: Recipe, networks: Callable[[int], Any], seed: int
) -> None:
    """All steps of a recipe on given networks."""
    try:
        for _ in learn(synthetic, real, recipe, seed, network=networks, stream="matching"):
            pass
    except NotFinite as error:
        raise ArithmeticError(
            f"matching of virtual images diverged at step {error.step} of {recipe.steps}: loss {error.loss:g}"
        ) from error
