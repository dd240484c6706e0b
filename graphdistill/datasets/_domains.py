"""Several data sets of one task as one data set with a domain for each entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdistill.core.data.datasets import Dataset, GraphDataset, ImageDataset, NodeDataset, TableDataset, TextDataset
from graphdistill.core.data.images import in_shape
from graphdistill.datasets._load import load


def load_domains(
    names: Sequence[str | Path | Dataset], root: str | Path | None = None, *, seed: int = 0
) -> tuple[Dataset, Tensor]:
    """Load several data sets with the same classes as one: sets of images, of texts, or graphs with labelled nodes.

    Each keeps its split. Images get the size of the first set; the vocabulary of texts is that of all sets; the graphs
    are not connected.

    Args:
        names: arguments of :func:`~graphdistill.datasets.load`, one for each domain.
        root: as of :func:`~graphdistill.datasets.load`.
        seed: seed of random splits. (default: 0)

    Returns:
        The data set, and the domain of each entry by its place among the names, long ``[n]``.

    Raises:
        ValueError: there are fewer than two, they are not of one of these kinds, or their classes, channels or node
            features differ.

    Example:
        >>> digits = load("digits")
        >>> data, domain = load_domains([digits, replace(digits, images=1 - digits.images)])
        >>> data.name, tuple(data.images.shape), domain.bincount().tolist()
        ('digits+digits', (3594, 1, 8, 8), [1797, 1797])
    """
    if len(names) < 2:
        raise ValueError(f"name two domains or more, got {len(names)}")
    sets = [load(name, root, seed=seed) for name in names]
    first = sets[0]
    for other in sets[1:]:
        _check(first, other)
    domain = torch.arange(len(sets)).repeat_interleave(torch.tensor([len(data.y) for data in sets]))
    return _joined(sets), domain


def _check(first: Dataset, other: Dataset) -> None:
    """Reject two domains that are not of one task."""
    if type(other) is not type(first) or isinstance(first, GraphDataset | TableDataset):
        raise ValueError(
            f"domains must all be images, texts or nodes, but {first.name} has {first.ENTRIES} and {other.name} "
            f"{other.ENTRIES}"
        )
    for data in (first, other):
        if data.y.dim() > 1:
            raise ValueError(f"domains must have a class for each entry, but {data.name} has one for each token")
    classes = [int(data.y.max()) + 1 for data in (first, other)]
    if classes[0] != classes[1]:
        raise ValueError(
            f"domains must have the same classes, but {first.name} has {classes[0]} and {other.name} {classes[1]}"
        )
    widths = [_width(data) for data in (first, other)]
    if widths[0] != widths[1]:
        raise ValueError(
            f"domains must have the same features, but {first.name} has {widths[0]} and {other.name} {widths[1]} "
            f"{'channels' if isinstance(first, ImageDataset) else 'node features'}"
        )


def _width(data: Dataset) -> int:
    """Channels of images or features of nodes, which domains share."""
    return data.images.shape[1] if isinstance(data, ImageDataset) else data.x.shape[1] if hasattr(data, "x") else 0


def _joined(sets: Sequence[Dataset]) -> Dataset:
    """All entries of sets of one kind, in order."""
    first, starts = sets[0], [0, *accumulate(len(data.y) for data in sets)]
    common: dict[str, Any] = {
        "name": "+".join(data.name for data in sets),
        "notes": "Domains: " + "; ".join(f"{data.name}, {data.notes}" for data in sets),
        "y": torch.cat([data.y for data in sets]),
        **{
            split: torch.cat([data.splits[split] + start for data, start in zip(sets, starts, strict=False)])
            for split in first.splits
        },
    }
    if isinstance(first, ImageDataset):
        shape = first.images.shape[1:]
        images = [in_shape(data.images, shape) for data in sets if isinstance(data, ImageDataset)]
        return replace(first, images=torch.cat(images), **common)
    if isinstance(first, NodeDataset):
        graphs = [data for data in sets if isinstance(data, NodeDataset)]
        edges = [data.edge_index + start for data, start in zip(graphs, starts, strict=False)]
        return replace(first, x=torch.cat([data.x for data in graphs]), edge_index=torch.cat(edges, dim=1), **common)
    assert isinstance(first, TextDataset)
    texts = [data for data in sets if isinstance(data, TextDataset)]
    vocabulary = tuple(dict.fromkeys(token for data in texts for token in data.vocabulary))
    number = {token: i for i, token in enumerate(vocabulary)}
    longest = max(data.tokens.shape[1] for data in texts)
    tokens = [
        F.pad(
            torch.tensor([number[token] for token in data.vocabulary])[data.tokens], (0, longest - data.tokens.shape[1])
        )
        for data in texts
    ]
    return replace(first, tokens=torch.cat(tokens), vocabulary=vocabulary, **common)
