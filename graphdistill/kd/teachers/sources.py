"""Other data sets whose networks are teachers: which ones, and in the shape of the data that the student is for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.data.images import in_shape
from graphdistill.datasets import load
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View

DOMAINS = (
    ("twitch-de", "twitch-engb", "twitch-es", "twitch-ptbr"),
    ("digits", "digits/mnist", "digits/usps"),
)
"""Data sets of one task in several domains."""
SAME = {"mnist5k": "digits/mnist"}
"""Another name of a data set."""


def default_sources(dataset: str) -> tuple[str, ...]:
    """The other domains of a data set.

    Raises:
        ValueError: there are none.

    Example:
        >>> default_sources("digits/usps")
        ('digits', 'digits/mnist')
    """
    name = SAME.get(dataset, dataset)
    for domains in DOMAINS:
        if name in domains:
            return tuple(other for other in domains if other != name)
    raise ValueError(
        f"--sources has no default for {dataset}; name one or more data sets with the same features and classes, whose "
        "networks are the teachers"
    )


def source_view(name: str, target: View, root: str | Path | None = None, seed: int = 0) -> View:
    """The view of a source, its images in the size and channels of those of the target.

    Args:
        name: name of the source, as of :func:`graphdistill.datasets.load`.
        target: the data that the student is for.
        root: folder of data sets. (default: as of :func:`~graphdistill.datasets.load`)
        seed: seed of the split. (default: 0)

    Raises:
        ValueError: the source is of another kind, or has other features or classes.

    Example:
        >>> target = view_of(load("digits"))
        >>> source_view("digits", target).data.images.shape[1:]
        torch.Size([1, 8, 8])
    """
    data = load(name, root, seed=seed)
    if isinstance(data, ImageDataset) and target.KIND == "images":
        data = replace(data, images=in_shape(data.images, target.data.images.shape[1:]))
    source = view_of(data, target.device)
    for what, theirs, ours in (
        ("entries", source.KIND, target.KIND),
        ("features", _features(source), _features(target)),
        ("classes", source.num_classes, target.num_classes),
    ):
        if theirs != ours:
            raise ValueError(
                f"--sources {name} has other {what} than {target.name}: {theirs} instead of {ours}; name data sets "
                "with the same features and classes"
            )
    return source


def _features(view: View) -> object:
    """What networks of a view read, so that it can be compared."""
    data = view.data
    if view.KIND == "nodes":
        return data.x.shape[1]
    if view.KIND == "graphs":
        return (data.features, None if data.graphs.x is None else data.graphs.x.shape[1])
    if view.KIND == "images":
        return tuple(data.images.shape[1:])
    return f"the vocabulary of {view.name}"
