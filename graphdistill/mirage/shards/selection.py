"""A random order of all training molecules in which classes alternate, drawn shard by shard."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from graphdistill.core.parallel import Map
from graphdistill.core.randomness import generator
from graphdistill.core.splitmix64 import mix, word
from graphdistill.mirage.shards.features import Counted
from graphdistill.mirage.shards.featurise import graphs_part
from graphdistill.mirage.shards.fit import Array
from graphdistill.mirage.shards.packing import pack_graphs, unpack_graphs
from graphdistill.mirage.shards.parts import Arrays
from graphdistill.mirage.shards.scoring import logits_of


@dataclass(frozen=True)
class Selection:
    """The molecules that a set is made of, in their order, with the model that labels them.

    Attributes:
        counted: the shards and the counted trees.
        coef: coefficients of the model, ``[C, K + 1]``.
        most: number of molecules.
        last: for each class the largest key of its molecules in the selection.
        classes: number of classes, or 0 for tasks, whose molecules are one class.
    """

    counted: Counted
    coef: Array
    most: int
    last: tuple[int, ...]
    classes: int

    @property
    def stage(self) -> str:
        """Name of the stage of its parts, which depends on the model and the draw."""
        work = self.counted.work
        facts = hashlib.sha256(np.ascontiguousarray(self.coef).tobytes())
        facts.update(repr((work.seed, work.depth, self.counted.at_least, self.most, self.last)).encode())
        return f"selected-{facts.hexdigest()[:16]}"

    def part(self, shard: int) -> Arrays:
        """The selected graphs of a shard, packed, with the logits, the label and the key of each."""
        return self.counted.work.parts(self.stage).get(shard, lambda: self._make(shard))

    def _make(self, shard: int) -> Arrays:
        arrays = graphs_part(self.counted.work, shard)
        key, label = keys_of(arrays, self.counted.work.seed, self.classes)
        chosen = np.flatnonzero((arrays["split"] == 0) & (key <= np.array(self.last, np.uint64)[label]))
        graphs = unpack_graphs(arrays).subset(torch.from_numpy(chosen))
        logits = logits_of(self.counted.part(shard), self.coef)[chosen]
        return {**pack_graphs(graphs), "logits": logits, "key": key[chosen], "label": label[chosen]}


def keys_of(arrays: Arrays, seed: int, classes: int) -> tuple[Array, Array]:
    """A random key of each molecule, distinct for distinct rows of the file, and its class (0 with tasks)."""
    shift = int(torch.randint(2**62, (), generator=generator(seed, "order of molecules")))
    place = torch.from_numpy(arrays["place"].astype(np.int64))
    key = mix(place * word(7) + shift).numpy().view(np.uint64)
    label = arrays["y"][:, 0].astype(np.int64) if classes else np.zeros(len(key), np.int64)
    return key, label


def shard_keys(context: tuple[Counted, int, tuple[int, ...]], shard: int) -> tuple[Array, Array]:
    """Keys up to a limit for each class of a shard's training molecules, and their classes."""
    counted, classes, limits = context
    arrays = counted.part(shard)
    key, label = keys_of(arrays, counted.work.seed, classes)
    keep = (arrays["split"] == 0) & (key <= np.array(limits, np.uint64)[label])
    return key[keep], label[keep]


def select(counted: Counted, coef: Array, run: Map, *, totals: list[int], most: int, tasks: bool) -> Selection:
    """The first molecules of the random order.

    Args:
        counted: the shards and the counted trees.
        coef: coefficients of the model.
        run: calls a function for every shard.
        totals: training molecules of each class, or of all with tasks.
        most: largest number of molecules.
        tasks: labels are of many tasks, not classes.
    """
    most = min(most, sum(totals))
    quota = _quotas(totals, most)
    # Keys are uniform, so a few more than the share of each class are enough.
    limits = tuple(
        _limit((want + 6 * want**0.5 + 10) / max(total, 1)) for want, total in zip(quota, totals, strict=True)
    )
    classes = 0 if tasks else len(totals)
    found = list(run(shard_keys, (counted, classes, limits), range(counted.work.shards)))
    key, label = (np.concatenate(parts) for parts in zip(*found, strict=True))
    sorted_keys = [np.sort(key[label == number])[:want] for number, want in enumerate(quota)]
    last = tuple(int(keys[-1]) if len(keys) else 0 for keys in sorted_keys)
    return Selection(counted, coef, sum(map(len, sorted_keys)), last, classes)


def ranks_of(key: Array, label: Array) -> Array:
    """Place of each molecule in the order: by key within its class, classes in turn.

    Example:
        >>> ranks_of(np.array([5, 1, 9, 2], np.uint64), np.array([0, 0, 1, 0])).tolist()
        [3, 0, 1, 2]
    """
    turn = np.empty(len(key), np.int64)
    for number in np.unique(label):
        mine = np.flatnonzero(label == number)
        turn[mine[np.argsort(key[mine])]] = np.arange(len(mine))
    out = np.empty(len(key), np.int64)
    out[np.lexsort((label, turn))] = np.arange(len(key))
    return out


def _quotas(totals: list[int], most: int) -> list[int]:
    """How many of each class are among the first ``most`` of the order."""
    out = [0] * len(totals)
    left = most
    while left and any(a < b for a, b in zip(out, totals, strict=True)):
        open_ = [c for c, total in enumerate(totals) if out[c] < total]
        step = max(1, min(left // len(open_), min(totals[c] - out[c] for c in open_)))
        for c in open_:
            more = min(step, left)
            out[c], left = out[c] + more, left - more
    return out


def _limit(share: float) -> int:
    return min(2**64 - 1, int(share * 2**64))
