"""The trees that a model counts: supports of all shards, merged in ranges of ids, so that memory is bounded."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from graphdistill.mirage.shards.counting import supports_part
from graphdistill.mirage.shards.parts import Arrays
from graphdistill.mirage.shards.work import Work

TREE_BYTES = 150
"""Memory of a distinct tree while supports are merged: ids and supports, twice, and their order."""


def merge_supports(
    ids: list[np.ndarray[Any, Any]], supports: list[np.ndarray[Any, Any]]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Distinct ids in ascending order and the sums of their supports.

    Example:
        >>> a, b = np.array([[1, 0], [5, 0]]), np.array([[5, 0]])
        >>> ids, support = merge_supports([a, b], [np.array([2, 3]), np.array([4])])
        >>> ids[:, 0].tolist(), support.tolist()
        ([1, 5], [2, 7])
    """
    rows, values = np.concatenate(ids), np.concatenate([part.astype(np.int64) for part in supports])
    if not len(rows):
        return rows, values
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    rows, values = rows[order], values[order]
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    first = np.flatnonzero(new)
    return rows[first], np.add.reduceat(values, first)


def merged_part(work: Work, ranges: int, at_least: int, number: int) -> Arrays:
    """Trees of one range of ids in ``at_least`` training molecules: ids and supports of each depth.

    Args:
        work: the shards.
        ranges: number of ranges of ids, a power of two.
        at_least: least support.
        number: number of the range.
    """

    def make() -> Arrays:
        ids: list[list[np.ndarray[Any, Any]]] = [[np.zeros((0, 2), np.int64)] for _ in range(work.depth + 1)]
        supports: list[list[np.ndarray[Any, Any]]] = [[np.zeros(0, np.int64)] for _ in range(work.depth + 1)]
        low = -(2**63) + number * (2**64 // ranges)
        high = low + 2**64 // ranges - 1
        for shard in range(work.shards):
            arrays = supports_part(work, shard)
            for depth in range(work.depth + 1):
                here = arrays[f"ids{depth}"]
                span = slice(np.searchsorted(here[:, 0], low), np.searchsorted(here[:, 0], high, side="right"))
                pairs = ids[depth], supports[depth]
                for held, more in zip(pairs, (here[span], arrays[f"support{depth}"][span]), strict=True):
                    held.append(more.copy())
                # Merged when as much again has come, so that each tree is moved few times and held about twice.
                if sum(map(len, ids[depth][1:])) > len(ids[depth][0]) + 65536:
                    total = merge_supports(*pairs)
                    ids[depth], supports[depth] = [total[0]], [total[1]]
        out: Arrays = {}
        for depth in range(work.depth + 1):
            distinct, support = merge_supports(ids[depth], supports[depth])
            keep = support >= at_least
            out[f"ids{depth}"], out[f"support{depth}"] = distinct[keep], support[keep]
        return out

    return work.parts(f"vocabulary-{work.depth}-{at_least}-{ranges}").get(number, make)


@functools.lru_cache(maxsize=2)
def vocabulary(work: Work, ranges: int, at_least: int) -> tuple[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]], ...]:
    """Ids and supports of all counted trees, by depth, ids ascending."""
    parts = [merged_part(work, ranges, at_least, number) for number in range(ranges)]
    return tuple(
        (np.concatenate([p[f"ids{d}"] for p in parts]), np.concatenate([p[f"support{d}"] for p in parts]))
        for d in range(work.depth + 1)
    )


def ranges_for(trees: int, memory: int) -> int:
    """Number of ranges of ids, so that the trees of one fit into memory.

    Args:
        trees: number of distinct trees of all shards, or more.
        memory: bytes.

    Example:
        >>> ranges_for(1000, 10**9), ranges_for(10**8, 10**9)
        (1, 16)
    """
    return 1 << max(0, int(np.ceil(np.log2(max(trees, 1) * TREE_BYTES / memory))))
