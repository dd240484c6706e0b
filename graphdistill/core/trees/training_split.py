"""The training split for distillation and evaluation; each part is computed on first use and cached."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.build import build_forest
from graphdistill.core.trees.forest import Forest
from graphdistill.core.trees.raw_bytes import raw_bytes
from graphdistill.core.trees.tree_counts import TreeCountRegression


@dataclass(frozen=True, eq=False)
class TrainingSplit:
    """The training graphs of a data set as computation trees.

    Attributes:
        data: the data set.
        depth: depth of the trees.
        verify: check exactly that trees with equal ids are equal. (default: no)
        seconds: seconds of the parts that are computed so far, by name.

    Example:
        >>> from graphdistill.datasets import load
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> pair = torch.tensor([[0, 1], [1, 0]])
        >>> graphs = [Data(x=torch.tensor([[6], [a]]), edge_index=pair, y=torch.tensor([a % 2])) for a in (7, 8) * 20]
        >>> split = TrainingSplit(load(graphs), 1)
        >>> len(split.forest), list(split.seconds)
        (32, ['counted', 'forest'])
    """

    data: GraphDataset
    depth: int
    verify: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    @cached_property
    def graphs(self) -> Graphs:
        """The training graphs."""
        return self.data.split("train")[0]

    @property
    def y(self) -> Tensor:
        """Labels of the training graphs."""
        return self.data.y[self.data.train]

    @cached_property
    def raw(self) -> Tensor:
        """Raw bytes of each graph, long ``[G]``."""
        with self._timed("raw"):
            return raw_bytes(self.graphs)

    @cached_property
    def counted(self) -> Forest:
        """Lossless forest of the graphs."""
        with self._timed("counted"):
            return build_forest(self.graphs, self.depth, verify=self.verify)

    @cached_property
    def forest(self) -> Forest:
        """Lossless forest with trees sorted by their number of nodes."""
        counted = self.counted
        with self._timed("forest"):
            return counted.by_frequency()

    @cached_property
    def teacher(self) -> Tensor:
        """Logits of a logistic regression on tree counts, float ``[G, C]``."""
        forest = self.forest
        with self._timed("teacher"):
            return TreeCountRegression().fit(forest, self.y, self.data.metric).logits(forest)

    @cached_property
    def sha256(self) -> str:
        """Digest of the content, independent of the order of nodes."""
        digest, forest = hashlib.sha256(), self.forest
        for tensor in (forest.trees.ids()[-1], forest.ptr, forest.tree, forest.count, self.y):
            digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[part] = time.perf_counter() - start
