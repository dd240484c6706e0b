"""The view of a data set of any kind."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor

from graphdistill.core.data.datasets import Dataset, GraphDataset, ImageDataset, NodeDataset, TableDataset, TextDataset
from graphdistill.core.data.tagged import TaggedTextDataset
from graphdistill.core.randomness import class_rank, generator
from graphdistill.datasets import as_dataset
from graphdistill.kd.data.graphs import GraphView
from graphdistill.kd.data.images import ImageView
from graphdistill.kd.data.nodes import NodeView
from graphdistill.kd.data.rows import RowView
from graphdistill.kd.data.smiles import SmilesDataset, SmilesView, smiles_texts
from graphdistill.kd.data.tagged import TaggedView
from graphdistill.kd.data.text import text_view
from graphdistill.kd.data.view import View

VIEWS: dict[type, Callable[..., View]] = {
    NodeDataset: NodeView,
    GraphDataset: GraphView,
    ImageDataset: ImageView,
    TextDataset: text_view,
    SmilesDataset: SmilesView,
    TaggedTextDataset: TaggedView,
    TableDataset: RowView,
}
"""Makes the view of each kind of data set."""


def view_of(
    data: Dataset | Any,
    device: torch.device | str = "cpu",
    labelled: Tensor | None = None,
    domain: Tensor | None = None,
) -> View:
    """The view of a data set, or of PyG graphs that :func:`graphdistill.datasets.load` reads.

    Args:
        data: the data set.
        device: device of the networks. (default: the CPU)
        labelled: training entries whose labels may be used, long; the others are unlabelled. (default: all)
        domain: domain of each entry, from 0, long ``[n]``. (default: none)

    Raises:
        ValueError: the data are rejected by :func:`graphdistill.datasets.load`, or are not classes of one task, or a
            labelled entry is not in the training split, or a domain lacks training or validation entries.

    Example:
        >>> from graphdistill.datasets import load
        >>> view_of(load("digits")).KIND
        'images'
    """
    dataset = as_dataset(data)
    view = VIEWS[type(dataset)](dataset, device, labelled)
    if domain is not None:
        view.set_domain(domain)
    return view


def readable(data: Dataset, kinds: Collection[str]) -> Dataset:
    """Molecules as texts of SMILES for a method that is for text and not for graphs; other data unchanged.

    Args:
        data: the data set.
        kinds: kinds of data that the method is for.

    Raises:
        ValueError: as of :func:`~graphdistill.kd.data.smiles.smiles_texts`.

    Example:
        >>> from graphdistill.datasets import load
        >>> type(readable(load("pains"), ["text"])).__name__, type(readable(load("pains"), ["graphs"])).__name__
        ('SmilesDataset', 'GraphDataset')
    """
    molecules = isinstance(data, GraphDataset) and data.smiles is not None
    if molecules and "text" in kinds and "graphs" not in kinds:
        assert isinstance(data, GraphDataset)
        return smiles_texts(data)
    return data


def few_labels(data: Dataset, per_class: int, seed: int) -> Tensor:
    """Random training entries of each class, as the labelled ones of a view.

    Args:
        data: the data set.
        per_class: entries of each class; all of a class that has fewer.
        seed: seed of the draw.

    Returns:
        Entries, long ``[n]``, ascending.

    Raises:
        ValueError: the entries have no class: windows of a language model, or sentences with tagged words.

    Example:
        >>> from graphdistill.datasets import load
        >>> digits = load("digits")
        >>> digits.y[few_labels(digits, 2, seed=0)].bincount().tolist()
        [2, 2, 2, 2, 2, 2, 2, 2, 2, 2]
    """
    y = data.y[data.train]
    if y.dim() > 1:
        raise ValueError(f"--labels: {data.name} has no class for each entry; leave it out")
    return data.train[class_rank(y, generator(seed, "few labels")) < per_class].sort().values
