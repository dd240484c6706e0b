"""Rows of the model: the counts of the counted trees in each molecule of a shard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from graphdistill.core.data.graphs import Graphs
from graphdistill.core.trees.wl import group
from graphdistill.mirage.shards.counting import count_trees
from graphdistill.mirage.shards.featurise import graphs_part
from graphdistill.mirage.shards.packing import narrow, unpack_graphs
from graphdistill.mirage.shards.parts import Arrays
from graphdistill.mirage.shards.vocabulary import vocabulary
from graphdistill.mirage.shards.work import Work

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Counted:
    """The shards of a run with the trees that the model counts.

    Attributes:
        work: the shards.
        ranges: number of ranges of ids that supports are merged in.
        at_least: least number of training molecules of a tree.
    """

    work: Work
    ranges: int
    at_least: int

    @property
    def ids(self) -> tuple[Array, ...]:
        """Ids of the counted trees by depth, ascending, each ``[n_k, 2]``."""
        return tuple(ids for ids, _ in vocabulary(self.work, self.ranges, self.at_least))

    @property
    def supports(self) -> Array:
        """Training molecules of each counted tree, depth by depth, ``[K]``."""
        return np.concatenate([support for _, support in vocabulary(self.work, self.ranges, self.at_least)])

    def part(self, shard: int) -> Arrays:
        """Counts of a shard as of :func:`count_rows`, with ``y``, ``split`` and ``place`` of each molecule."""
        stage = f"features-{self.work.depth}-{self.at_least}"
        return self.work.parts(stage, compress=False).get(shard, lambda: self._make(shard))

    def _make(self, shard: int) -> Arrays:
        arrays = graphs_part(self.work, shard)
        rows = count_rows(unpack_graphs(arrays), self.ids)
        return {**rows, **{name: arrays[name] for name in ("y", "split", "place")}}


def count_rows(graphs: Graphs, ids: tuple[Array, ...]) -> Arrays:
    """Counts of known trees in graphs as compressed sparse rows: ``ptr`` ``[G + 1]``, ``column``, ``count`` ``[P]``.

    Args:
        graphs: the graphs.
        ids: ids of the known trees by depth; columns are numbered depth by depth.
    """
    rows, columns, counts = [], [], []
    before = 0
    for known, found in zip(ids, count_trees(graphs, len(ids) - 1), strict=True):
        column = match(known, found.ids)[found.tree]
        keep = column >= 0
        rows.append(found.graph[keep])
        columns.append(column[keep] + before)
        counts.append(found.count[keep])
        before += len(known)
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    ptr = np.zeros(len(graphs) + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=len(graphs)), out=ptr[1:])
    count = np.minimum(np.concatenate(counts)[order], 65535)
    return {"ptr": ptr, "column": _sized(np.concatenate(columns)[order], before), "count": narrow(count)}


def match(known: Array, ids: Array) -> Array:
    """Place of each id among known ones, -1 where it is not.

    Example:
        >>> match(np.array([[1, 0], [5, 0]]), np.array([[5, 0], [7, 0]])).tolist()
        [1, -1]
    """
    _, row, _ = group(torch.from_numpy(np.concatenate([known, ids])))
    place = np.full(len(row), -1)
    place[row[: len(known)].numpy()] = np.arange(len(known))
    out: Array = place[row[len(known) :].numpy()]
    return out


def _sized(column: Array, most: int) -> Array:
    """Columns in a type that depends on their number alone."""
    return column.astype(np.uint16 if most <= 65536 else np.uint32)
