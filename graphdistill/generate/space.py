"""Entries of a data set in the unit of denoisers, and what denoisers return as a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from graphdistill.core.data.datasets import Dataset, GraphDataset, ImageDataset, TableDataset
from graphdistill.core.evaluation.tables import round_rows
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights, quantize_uint8
from graphdistill.core.trees.graph_forest import graph_forest
from graphdistill.generate.latents import graph_latents

UNIT = 0.5
"""Standard deviation of entries in the unit of denoisers."""
GRAPH_DEPTH = 2
"""Depth of the trees of decoded graphs."""
Kind = Literal["images", "rows", "graphs"]


class Space(nn.Module):
    r"""Entries in another unit: :math:`z = 0.5 (x - m) / s`, and a set of rows from them.

    Args:
        shape: shape of an entry.
        mean: mean m. (default: 0)
        deviation: standard deviation s. (default: 0.5)

    Example:
        >>> space = Space((2,), mean=torch.tensor(3.0), deviation=torch.tensor(2.0))
        >>> z = space.encode(torch.tensor([[3.0, 5.0]]))
        >>> z.tolist(), space.decode(z, torch.tensor([0])).data.tolist()
        ([[0.0, 0.5]], [[3.0, 5.0]])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        shape: tuple[int, ...],
        mean: Tensor = torch.tensor(0.0),  # noqa: B008
        deviation: Tensor = torch.tensor(UNIT),  # noqa: B008
    ):
        super().__init__()
        self.shape = shape
        self.register_buffer("mean", mean.clone())
        self.register_buffer("deviation", deviation.clone())

    def encode(self, x: Tensor) -> Tensor:
        """Entries in the unit of denoisers."""
        return UNIT * (x - self.mean) / self.deviation

    def values(self, z: Tensor) -> Tensor:
        """Entries in their own unit."""
        return z * (self.deviation / UNIT) + self.mean

    def decode(self, z: Tensor, y: Tensor) -> SyntheticSet:
        """A set of entries of the unit of denoisers and their classes."""
        return SyntheticSet(self.values(z), y, class_weights(y, "multiclass"))


class ImageSpace(Space):
    """Images from 0 to 1, which a set stores with 8 bits a pixel."""

    def values(self, z: Tensor) -> Tensor:
        """Images from 0 to 1."""
        return super().values(z).clamp(0, 1)

    def decode(self, z: Tensor, y: Tensor) -> SyntheticSet:
        """A set of images."""
        return SyntheticSet(quantize_uint8(self.values(z)), y, class_weights(y, "multiclass"))


class RowSpace(Space):
    """Rows of a table, which a set stores in steps of 1/32 of a deviation."""

    def values(self, z: Tensor) -> Tensor:
        """Rows in steps."""
        return round_rows(super().values(z))


class GraphSpace(RowSpace):
    """Vectors of graphs, which are decoded as the training graph of the class whose vector is nearest.

    Args:
        shape, mean, deviation: as in :class:`Space`.
        data: the graphs. (default: none, and nothing can be decoded)
        table: their vectors.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        mean: Tensor,
        deviation: Tensor,
        data: GraphDataset | None = None,
        table: TableDataset | None = None,
    ):
        super().__init__(shape, mean, deviation)
        self.data, self.table = data, table

    def nearest(self, z: Tensor, y: Tensor) -> Tensor:
        """Index of the training graph of the class whose vector is nearest, long ``[n]``.

        Raises:
            ValueError: the generator was loaded without its data.
        """
        if self.data is None or self.table is None:
            raise ValueError("vectors are decoded as graphs of the data; give load_generator(folder, data=...)")
        train = self.table.train
        out, places = torch.empty(len(y), dtype=torch.long), self.encode(self.table.x[train])
        for label in y.unique().tolist():
            among = (self.table.y[train] == label).nonzero().view(-1)
            out[y == label] = train[among[torch.cdist(z[y == label], places[among]).argmin(dim=1)]]
        return out

    def decode(self, z: Tensor, y: Tensor) -> SyntheticSet:
        """A set of real training graphs."""
        index = self.nearest(z, y)
        assert self.data is not None
        forest = graph_forest(self.data.graphs.subset(index), GRAPH_DEPTH)
        return SyntheticSet(forest, y, class_weights(y), features=self.data.features)


@dataclass(frozen=True)
class Entries:
    """Entries of a data set in the unit of denoisers.

    Attributes:
        data: the data set; of graphs the table of their vectors.
        kind: its kind.
        z: all entries, float ``[n, *shape]``.
        y: their classes, long ``[n]``.
        num_classes: number of classes.
        space: turns entries into a set.
    """

    data: Any
    kind: Kind
    z: Tensor
    y: Tensor
    num_classes: int
    space: Space

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an entry."""
        return tuple(self.z.shape[1:])

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Entries and classes of a split."""
        index = self.data.splits[name]
        return self.z[index], self.y[index]

    def drawn(self, z: Tensor, y: Tensor) -> SyntheticSet:
        """What a network trains on: a set of entries, of graphs their vectors."""
        if self.kind == "graphs":
            return SyntheticSet(self.space.values(z), y, class_weights(y))
        return self.space.decode(z, y)


def entries_of(data: Dataset) -> Entries:
    """Entries of a data set, scaled by mean and standard deviation of the training split.

    Images are scaled as a whole, and columns of a table or of the vectors of graphs each.

    Raises:
        ValueError: data that generators are not made for.

    Example:
        >>> from graphdistill.datasets import load
        >>> entries = entries_of(load("digits"))
        >>> entries.shape, round(float(entries.split("train")[0].std()), 3)
        ((1, 8, 8), 0.5)
    """
    known = isinstance(data, ImageDataset | TableDataset | GraphDataset)
    if not known or data.y.dim() != 1:
        raise ValueError(
            f"--dataset {data.name} holds {data.ENTRIES} without a class each, or of a kind that generators are not "
            f"made for; choose images, a table or graphs with a class each, such as digits, breast-cancer or pains"
        )
    if isinstance(data, ImageDataset):
        images = data.images.float()
        train = images[data.train]
        if not bool(train.std(correction=0)):
            raise ValueError(f"--dataset {data.name} has training images of one colour alone; choose other images")
        space: Space = ImageSpace(tuple(images.shape[1:]), train.mean(), train.std())
        return Entries(data, "images", space.encode(images), data.y, int(data.y.max()) + 1, space)
    assert isinstance(data, TableDataset | GraphDataset)
    table = data if isinstance(data, TableDataset) else graph_latents(data)
    train = table.x[table.train]
    size, deviation = (table.x.shape[1],), train.std(dim=0)
    deviation = deviation.where(deviation > 0, torch.ones(()))
    if isinstance(data, GraphDataset):
        space = GraphSpace(size, train.mean(dim=0), deviation, data, table)
    else:
        space = RowSpace(size, train.mean(dim=0), deviation)
    kind: Kind = "graphs" if isinstance(data, GraphDataset) else "rows"
    return Entries(table, kind, space.encode(table.x), table.y, int(table.y.max()) + 1, space)
