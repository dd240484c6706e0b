"""Lossless batches of all graphs at once, or of some at a time like PyG's ``DataLoader``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader

from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.mirage.layered.batch import LosslessBatch
from graphdistill.mirage.layered.checks import check_model
from graphdistill.mirage.layered.model import running
from graphdistill.mirage.layered.source import GraphSource, Source, ordinary, read

MIN_REPEATS = 1.5
"""Nodes per distinct tree, over all layers, below which ordinary batches are as fast."""


def lossless(graphs: GraphSource, depth: int, *, accelerate: bool = False) -> LosslessBatch:
    """Write all graphs as one batch of distinct trees, on which PyG models train as on the graphs, only faster.

    Mirage (Gupta et al., ICLR 2024, https://arxiv.org/abs/2310.09486) observes that computation trees repeat: a layer
    gives the same embedding to all nodes with the same tree, so it is computed once. Outputs and gradients are equal.

    Args:
        graphs: PyG ``Data`` objects in a list or a PyG dataset, a ``GraphDataset`` or ``Graphs``.
        depth: how often the model passes messages, 1 or more.
        accelerate: use this library's segment operations instead of PyG's. (default: ``False``)

    Returns:
        The batch; ``run(model)`` calls a model, its readout included, on it.

    Raises:
        ValueError: ``depth`` is below 1, or graphs lack features or have targets of nodes or edges.

    Warns:
        UserWarning: trees hardly repeat, so that ordinary batches are as fast.

    Example:
        >>> from torch_geometric.data import Data
        >>> from torch_geometric.nn import GIN
        >>> ring = Data(x=torch.ones(4, 1), edge_index=torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]))
        >>> batch = lossless([ring, ring], depth=2)
        >>> batch.run(GIN(1, 8, num_layers=2), batch.x, batch.edge_index).shape  # one tree of depth 2
        torch.Size([1, 8])
    """
    source, forest = _build(graphs, depth)
    _repeat(forest, "all graphs at once")
    return LosslessBatch(forest, source, accelerate=accelerate)


class LosslessLoader:
    """Mini-batches of distinct trees for a PyG model, in the place of ``torch_geometric.loader.DataLoader``.

    While it is iterated, the model takes its batches as well as ordinary ones. If trees hardly repeat within a batch,
    which a warning says, with the number, when the loader is made, its batches are ordinary ones.

    Args:
        graphs: PyG ``Data`` objects in a list or a PyG dataset, a ``GraphDataset`` or ``Graphs``.
        model: the model that is trained.
        depth: how often it passes messages, 1 or more.
        batch_size: graphs per batch. (default: 1)
        shuffle: draw a new order in every epoch. (default: ``False``)
        drop_last: leave out a last batch of fewer graphs. (default: ``False``)
        generator: of the orders. (default: torch's own)
        accelerate: use this library's segment operations instead of PyG's. (default: ``False``)

    Raises:
        ValueError: ``depth`` or ``batch_size`` is below 1, the model has a module that cannot be exact, or graphs lack
            features or have targets of nodes or edges.

    Example:
        >>> from torch_geometric.data import Data
        >>> from torch_geometric.nn import GCN
        >>> ring = Data(x=torch.ones(4, 1), edge_index=torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), y=torch.tensor([1]))
        >>> model = GCN(1, 8, num_layers=2)
        >>> for batch in LosslessLoader([ring] * 5, model, depth=2, batch_size=4):
        ...     print(batch.y.shape, model(batch.x, batch.edge_index).shape)
        torch.Size([4]) torch.Size([1, 8])
        torch.Size([1]) torch.Size([1, 8])
    """

    def __init__(
        self,
        graphs: GraphSource,
        model: nn.Module,
        depth: int,
        *,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: torch.Generator | None = None,
        accelerate: bool = False,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, got {batch_size}")
        check_model(model)
        self.model, self.batch_size, self.shuffle, self.drop_last = model, batch_size, shuffle, drop_last
        self.generator, self.accelerate = generator, accelerate
        self.source, self.forest = _build(graphs, depth)
        # A batch drawn evenly from all graphs stands for the others.
        sample = torch.linspace(0, len(self.forest) - 1, min(batch_size, len(self.forest))).long()
        self._ordinary: DataLoader | None = None
        if not _repeat(self.forest.subset(sample), f"a batch of {len(sample)} graphs; its batches are ordinary ones"):
            self._ordinary = DataLoader(ordinary(graphs), batch_size, shuffle, drop_last=drop_last, generator=generator)

    def __len__(self) -> int:
        """Number of batches."""
        full, rest = divmod(len(self.forest), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[LosslessBatch | Batch]:
        if self._ordinary is not None:
            yield from self._ordinary
            return
        order = torch.arange(len(self.forest))
        if self.shuffle:
            order = torch.randperm(len(self.forest), generator=self.generator)
        with running(self.model):
            for index in order.split(self.batch_size)[: len(self)]:
                yield self._batch(index)

    def _batch(self, index: Tensor) -> LosslessBatch:
        return LosslessBatch(self.forest.subset(index), self.source, index, accelerate=self.accelerate)


def _build(graphs: GraphSource, depth: int) -> tuple[Source, Forest]:
    if depth < 1:
        raise ValueError(f"depth must be 1 or more, got {depth}; it is how often the model passes messages")
    source = read(graphs)
    return source, build_forest(source.graphs, depth)


def _repeat(forest: Forest, where: str) -> bool:
    """Whether trees repeat so often that they pay; otherwise warn."""
    repeats = forest.trees.depth * int(forest.num_nodes.sum()) / sum(forest.trees.sizes[1:])
    if repeats < MIN_REPEATS:
        warnings.warn(f"trees hardly repeat: {repeats:.2f} nodes per distinct tree in {where}", stacklevel=3)
    return repeats >= MIN_REPEATS
