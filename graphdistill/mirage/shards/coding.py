"""The longest prefix of the selected molecules that fits a budget of bytes, coded in one stream."""

from __future__ import annotations

import contextlib
import ctypes
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from graphdistill.core.codec import Labels
from graphdistill.core.data.datasets import Task
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.parallel import Map
from graphdistill.core.sets.graph_payload import graphs_payload
from graphdistill.mirage.shards.packing import join_graphs, unpack_graphs
from graphdistill.mirage.shards.parts import Arrays
from graphdistill.mirage.shards.selection import Selection, ranks_of

SLACK = 0.01
"""Share of the budget that may stay unused, since each try codes all molecules."""
PROBES = 1 / 40, 1 / 10
"""Molecules of the first two tries, as shares of the bytes of the budget: a good third guess saves minutes."""
CODED_BYTES = 2.4
"""Bytes of a coded molecule: 2.6 on 100,000 random ones of MOSES, fewer on more."""
M_MMAP_THRESHOLD = -3
"""Number of this parameter of ``mallopt``."""
MOLECULE_BYTES = 3300
"""Memory of each molecule while a set is coded, measured on 480,000 of MOSES."""


@dataclass(frozen=True)
class Coding:
    """What coding needs: the selection, the task and the bits of the labels."""

    selection: Selection
    task: Task
    bits: int

    def part(self, count: int) -> Arrays:
        """The payload of the first ``count`` selected molecules."""
        stage = f"{self.selection.stage}-coded-{self.bits}"
        return self.selection.counted.work.parts(stage, compress=False).get(count, lambda: self._make(count))

    def _make(self, count: int) -> Arrays:
        return_freed_memory()
        work = self.selection.counted.work
        keys = [
            {name: part[name] for name in ("key", "label")} for part in map(self.selection.part, range(work.shards))
        ]
        rank = ranks_of(*(np.concatenate([part[name] for part in keys]) for name in ("key", "label")))
        ends = np.cumsum([0, *(len(part["key"]) for part in keys)])
        graphs: list[Graphs] = []
        logits = []
        for shard in range(work.shards):
            keep = np.flatnonzero(rank[ends[shard] : ends[shard + 1]] < count)
            part = self.selection.part(shard)
            subset = unpack_graphs(part).subset(torch.from_numpy(keep))
            graphs.append(replace(subset, edge_index=subset.edge_index.int()))
            logits.append(part["logits"][keep])
        labels = Labels(soft_labels(np.concatenate(logits), self.task), self.task, bits=self.bits)
        payload = graphs_payload(join_graphs(graphs), labels, "ogb", work.depth)
        return {name: tensor.numpy() for name, tensor in payload.items()}


def return_freed_memory() -> None:
    """Give memory that was freed back to the system, now and from now on as soon as a large array is freed.

    Otherwise the C library of Linux keeps it: 1 kB a molecule while a set is coded. Elsewhere nothing is done.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, 2**20)
        library.malloc_trim(0)


def coded_bytes(coding: Coding, count: int) -> int:
    """Stored bytes of the first ``count`` molecules; their payload is kept as a part."""
    return sum(array.nbytes for array in coding.part(count).values())


def code_within(coding: Coding, run: Map, budget: int, note: Callable[[str], object] = lambda text: None) -> int:
    """Number of molecules of the longest prefix in ``budget`` bytes, up to ``SLACK`` of it; 0 if none fits.

    Args:
        coding: the selection and its labels.
        run: calls a function for several items.
        budget: bytes.
        note: is called with the size of each try. (default: nothing is)
    """
    most = coding.selection.most
    sizes: dict[int, int] = {0: 0}

    def attempt(counts: list[int]) -> None:
        new = [count for count in dict.fromkeys(counts) if count not in sizes]
        for count, size in zip(new, run(coded_bytes, coding, new), strict=True):
            sizes[count] = size
            note(f"{count:,} molecules in {size:,} bytes")

    attempt([min(most, max(1, math.ceil(share * budget))) for share in PROBES])
    while True:
        low = max(count for count, size in sizes.items() if size <= budget)
        high = min((count for count, size in sizes.items() if size > budget), default=most + 1)
        if high - low <= 1 or sizes[low] >= (1 - SLACK) * budget:
            return low
        attempt([min(max(guess(sizes, (1 - SLACK / 2) * budget), low + 1), high - 1)])


def guess(sizes: dict[int, int], target: float) -> int:
    """Number of molecules of a size, by a power law through the two nearest known sizes.

    Example:
        >>> guess({0: 0, 100: 1000, 200: 1900}, 3600)
        399
    """
    known = sorted((abs(math.log(size / target)), count, size) for count, size in sizes.items() if count)[:2]
    (_, a, small), (_, b, large) = sorted(known, key=lambda one: one[1]) if len(known) > 1 else (known[0], known[0])
    power = math.log(large / small) / math.log(b / a) if b > a and large > small else 1.0
    _, count, size = known[0]
    return round(count * math.pow(target / size, 1 / max(power, 0.5)))


def soft_labels(logits: np.ndarray[tuple[int, int], np.dtype[np.float64]], task: Task) -> torch.Tensor:
    """Probabilities of classes, ``[n, C]`` with two columns for one binary problem, or of tasks."""
    values = torch.from_numpy(logits).float()
    if task == "multilabel":
        return values.sigmoid()
    pair = torch.cat([-values / 2, values / 2], dim=1) if values.shape[1] == 1 else values
    return pair.softmax(dim=1)
