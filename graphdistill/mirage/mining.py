"""Closed frequent itemsets with exact supports: sets of items that occur together in many transactions.

An itemset is closed when no larger set is contained in the same transactions; the closed sets and their
supports determine those of all frequent sets, of which there can be exponentially more.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphdistill.core.data.tensors import ranges, segment_ptr

Ints = NDArray[np.int64]
# A group of items, and its transactions as bits of an integer.
Column = tuple[int, int]
# Minus the support, items, group that it was extended with last, transactions, columns of the parent.
Node = tuple[int, tuple[int, ...], int, int, list[Column]]


@dataclass(frozen=True)
class Itemset:
    """A set of items and the number of transactions that contain all of them.

    Attributes:
        items: the items, in ascending order.
        support: number of transactions that contain all of them.

    Example:
        >>> Itemset(items=(2, 7), support=30).support
        30
    """

    items: tuple[int, ...]
    support: int


def closed_itemsets(ptr: Tensor, items: Tensor, min_support: int, *, max_itemsets: int | None = None) -> list[Itemset]:
    """All closed frequent itemsets, found one by one without visiting the frequent sets that are not closed.

    Prefix-preserving closure extension (`Uno et al., LCM ver. 2, FIMI 2004
    <https://ceur-ws.org/Vol-126/uno.pdf>`_) over sets of transactions kept as bits (compare `Zaki and Hsiao,
    CHARM, SDM 2002 <https://doi.org/10.1137/1.9781611972726.27>`_).

    Args:
        ptr: first item of each transaction and the number of items at the end, long ``[T + 1]``.
        items: items of transaction ``t`` at ``ptr[t]:ptr[t + 1]``, in any order, not negative, long; an item
            that is repeated in a transaction counts once.
        min_support: least number of transactions that must contain an itemset, at least 1.
        max_itemsets: largest number of closed itemsets before an error; ``None`` for no limit.

    Returns:
        The itemsets of at least one item, by falling support and then by items.

    Raises:
        ValueError: bad ``min_support``, ``ptr`` or ``items``, or more than ``max_itemsets`` results.

    Example:
        >>> ptr, items = torch.tensor([0, 3, 6, 8]), torch.tensor([1, 2, 3, 1, 2, 3, 1, 4])
        >>> [(s.items, s.support) for s in closed_itemsets(ptr, items, min_support=2)]
        [((1,), 3), ((1, 2, 3), 2)]
    """
    if min_support < 1:
        raise ValueError(f"min_support is {min_support}; give at least 1 transaction")
    return list(_Search(ptr, items, min_support, limit=max_itemsets).results())


def top_closed_itemsets(ptr: Tensor, items: Tensor, k: int) -> list[Itemset]:
    """The ``k`` closed itemsets of highest support; the threshold rises with the results.

    The search is that of :func:`closed_itemsets`, best first. Among equal supports the itemsets that sort
    first by their items are taken, so the result is the first ``k`` of ``closed_itemsets(ptr, items, 1)``.

    Args:
        ptr: first item of each transaction and the number of items at the end, long ``[T + 1]``.
        items: items of transaction ``t`` at ``ptr[t]:ptr[t + 1]``, as for :func:`closed_itemsets`.
        k: number of itemsets, at least 1; fewer are returned if there are fewer.

    Returns:
        The itemsets of at least one item, by falling support and then by items.

    Raises:
        ValueError: bad ``k``, ``ptr`` or ``items``.

    Example:
        >>> ptr, items = torch.tensor([0, 3, 6, 8]), torch.tensor([1, 2, 3, 1, 2, 3, 1, 4])
        >>> top_closed_itemsets(ptr, items, k=1)
        [Itemset(items=(1,), support=3)]
    """
    if k < 1:
        raise ValueError(f"k is {k}; give at least 1 itemset")
    return list(islice(_Search(ptr, items, 1, k=k).results(), k))


class _Search:
    """Best-first closed itemset search; a child's support is below its parent's, so results are in order.

    Items with the same transactions form one group. Groups are numbered by rising support, so whatever
    contains all transactions of a group has a higher number, and every group starts a closed itemset.
    """

    def __init__(
        self, ptr: Tensor, items: Tensor, threshold: int, *, k: int | None = None, limit: int | None = None
    ) -> None:
        self.threshold, self.k, self.limit = threshold, k, limit
        self.found, self.best = 0, list[int]()
        values, starts, rows = _vertical(ptr, items, threshold)
        members: dict[bytes, list[int]] = {}
        tids: list[Ints] = []
        for i in np.argsort(-np.diff(starts), kind="stable"):
            own = rows[starts[i] : starts[i + 1]]
            # Distinct groups close to distinct itemsets: the k-th best bounds the threshold from below.
            if len(own) < self.threshold:
                break
            group = members.setdefault(own.tobytes(), [])
            if not group:
                tids.append(own)
                self._count(len(own))
            group.append(int(values[i]))
        self.members, self.tids = list(members.values())[::-1], tids[::-1]
        # The same data by transaction, without infrequent items.
        every = np.concatenate([*self.tids, np.zeros(0, np.int64)])
        groups = np.repeat(np.arange(len(tids)), [len(own) for own in self.tids])
        self.row_groups = torch.from_numpy(groups[np.argsort(every, kind="stable")])
        self.row_ptr = segment_ptr(torch.from_numpy(np.bincount(every)))

    def results(self) -> Iterator[Itemset]:
        """Yield the closed itemsets by falling support, then by items."""
        heap: list[Node] = [(-len(own), (), group, 0, []) for group, own in enumerate(self.tids)]
        heapq.heapify(heap)
        while heap:
            minus, items, core, tids, columns = heapq.heappop(heap)
            if items:
                yield Itemset(items, -minus)
                for child in self._extend(items, core, tids, columns):
                    heapq.heappush(heap, child)
            else:
                # A group's closure is found late; () sorts first, so before any result of that support.
                heapq.heappush(heap, self._start(core))

    def _start(self, group: int) -> Node:
        """Closure of one group; the columns are those within its transactions, renumbered from 0."""
        rows = torch.from_numpy(self.tids[group])
        starts, lengths = self.row_ptr[rows], self.row_ptr[rows + 1] - self.row_ptr[rows]
        groups, code = _compact(self.row_groups[ranges(starts, lengths)].numpy())
        counts = np.bincount(code, minlength=len(groups))
        closure: list[int] = groups[counts == len(rows)].tolist()
        kept = (counts >= self.threshold) & (counts < len(rows))
        # Earlier groups only exclude extensions by later ones.
        kept &= (groups[kept] > group).any()
        inside = kept[code]
        column = (np.cumsum(kept) - 1)[code[inside]]
        bit = np.repeat(np.arange(len(rows)), lengths.numpy())[inside]
        table = np.zeros((int(kept.sum()), len(rows) // 8 + 1), np.uint8)
        # Every addition sets a different bit, so none carries.
        np.add.at(table, (column, bit // 8), (1 << bit % 8).astype(np.uint8))
        masks = (int.from_bytes(row.tobytes(), "little") for row in table)
        columns = list(zip(groups[kept].tolist(), masks, strict=True))
        return -len(rows), self._join((), closure), group, (1 << len(rows)) - 1, columns

    def _extend(self, items: tuple[int, ...], core: int, tids: int, columns: list[Column]) -> Iterator[Node]:
        """Closures of ``items`` and one group after ``core`` that add no group before that one."""
        inside = [(group, own & tids) for group, own in columns]
        inside = [c for c in inside if c[1] != tids and c[1].bit_count() >= self.threshold]
        for i, (group, own) in enumerate(inside):
            support = own.bit_count()
            if group <= core or support < self.threshold:
                continue
            if any(own & other == own for _, other in inside[:i]):
                continue
            self._count(support)
            closure = [later for later, other in inside[i:] if own & other == own]
            yield -support, self._join(items, closure), group, own, inside

    def _join(self, items: tuple[int, ...], groups: list[int]) -> tuple[int, ...]:
        """Items of an itemset and of the groups that join it."""
        return tuple(sorted([*items, *(item for group in groups for item in self.members[group])]))

    def _count(self, support: int) -> None:
        """Count a closed itemset: raise the threshold of a top-k search, or raise an error at the limit."""
        self.found += 1
        if self.limit is not None and self.found > self.limit:
            raise ValueError(
                f"min_support {self.threshold} gives more than max_itemsets={self.limit} closed itemsets; "
                f"raise min_support, or max_itemsets"
            )
        if self.k is not None:
            heapq.heappush(self.best, support)
            if len(self.best) > self.k:
                heapq.heappop(self.best)
            if len(self.best) == self.k:
                self.threshold = self.best[0]


def _vertical(ptr: Tensor, items: Tensor, min_support: int) -> tuple[Ints, Ints, Ints]:
    """Items of enough support, and the transactions of each: ``rows[starts[i]:starts[i + 1]]``, ascending."""
    for name, values in (("ptr", ptr), ("items", items)):
        if values.dim() != 1 or values.dtype != torch.long:
            raise ValueError(f"{name} is {values.dtype} of shape {list(values.shape)}; give a long vector")
    if not len(ptr) or int(ptr[0]) != 0:
        raise ValueError(f"ptr starts with {ptr[:1].tolist()}; its first value must be 0")
    lengths, flat = ptr.diff().cpu().numpy(), items.cpu().numpy()
    if lengths.min(initial=0) < 0:
        at = int(lengths.argmin())
        raise ValueError(f"ptr[{at}:{at + 2}] is {ptr[at : at + 2].tolist()}; its values must not fall")
    if int(ptr[-1]) != len(items):
        raise ValueError(f"ptr ends with {int(ptr[-1])}; its last value must be len(items), {len(items)}")
    if flat.min(initial=0) < 0:
        raise ValueError(f"items holds {flat.min()}; number the items from 0")
    names, code = _compact(flat)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    # Repeats count here, so this keeps at least all frequent items and leaves less to sort.
    often = (np.bincount(code, minlength=len(names)) >= min_support)[code]
    key = np.sort(code[often] * len(lengths) + rows[often])
    code, rows = np.divmod(key[np.diff(key, prepend=-1) > 0], max(len(lengths), 1))
    support = np.bincount(code, minlength=len(names))
    kept = support >= min_support
    return names[kept], np.append(0, support[kept].cumsum()), rows[kept[code]]


def _compact(values: Ints) -> tuple[Ints, Ints]:
    """Distinct values in ascending order and the index of each value; some may be unused."""
    top = int(values.max(initial=-1)) + 1
    if top <= 4 * len(values):
        return np.arange(top), values
    names, code = np.unique(values, return_inverse=True)
    return names, code
