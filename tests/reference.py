"""Slow and plain versions of what the package does fast, written from the definitions only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations


def closed_itemsets_naive(
    transactions: Sequence[Sequence[int]], min_support: int
) -> list[tuple[tuple[int, ...], int]]:
    """Count every itemset there is; keep those of enough support that no larger one equals in support."""
    sets = [set(t) for t in transactions]
    universe = sorted(set().union(*sets))
    support = {
        items: sum(set(items) <= t for t in sets)
        for size in range(1, len(universe) + 1)
        for items in combinations(universe, size)
    }
    frequent = {items: count for items, count in support.items() if count >= min_support}
    closed = [
        (items, count)
        for items, count in frequent.items()
        if not any(set(items) < set(other) and count == more for other, more in frequent.items())
    ]
    return sorted(closed, key=lambda pair: (-pair[1], pair[0]))
