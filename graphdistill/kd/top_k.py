"""The most probable classes of positions: chosen from logits, as the integers that the store codes, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from graphdistill.kd.store_codec import Positions

OCTAVES = 24
"""Smaller probabilities than 2^-24, the smallest positive number of half precision, are stored as that."""


class TopK(NamedTuple):
    """The most probable classes of some positions.

    Attributes:
        ids: classes in ascending order, long ``[n, k]``; 0 where a position has fewer.
        probabilities: their probabilities, float32 ``[n, k]``; 0 where a position has fewer.
        rest: the probability of all other classes together, float32 ``[n]``.
    """

    ids: Tensor
    probabilities: Tensor
    rest: Tensor

    def dense(self, num_classes: int) -> Tensor:
        """Logarithms of all probabilities, float32 ``[n, num_classes]``; the other classes share the rest evenly."""
        used = self.probabilities > 0
        others = (num_classes - used.sum(dim=1)).clamp(min=1)
        out = (self.rest / others).unsqueeze(1).repeat(1, num_classes)
        row = torch.arange(len(out)).unsqueeze(1).expand_as(self.ids)
        out[row[used], self.ids[used]] = self.probabilities[used]
        return out.log()


Selected = tuple[Tensor, Tensor, Tensor, Tensor]
"""Of some positions: how many classes each keeps, the remaining mass, the log-probabilities and the classes."""


def select(batches: Iterable[Tensor], num_classes: int, k: int, mass: float, temperature: float) -> Iterator[Selected]:
    """The most probable classes of each batch, of few positions at once."""
    for number, batch in enumerate(batches):
        if batch.dim() < 2 or batch.shape[-1] != num_classes:
            raise ValueError(
                f"batch {number} has logits of shape {list(batch.shape)}, but num_classes is {num_classes}; "
                "its last dimension must be the classes"
            )
        for logits in batch.detach().reshape(-1, num_classes).split(max(1, (1 << 22) // num_classes)):
            if not bool(logits.isfinite().all()):
                raise ValueError(f"batch {number} has logits that are NaN or infinite; check the teacher")
            log, ids = (logits.float() / temperature).log_softmax(dim=1).topk(k, dim=1)
            covered = log.exp().double().cumsum(dim=1)
            count = ((covered < mass).sum(dim=1) + 1).clamp(max=k) if mass < 1 else torch.full((len(log),), k)
            rest = 1 - covered.gather(1, count.to(covered.device).unsqueeze(1) - 1).squeeze(1)
            yield count.cpu(), rest.cpu(), log.cpu(), ids.cpu()


def rechunk(parts: Iterable[Selected], size: int) -> Iterator[Selected]:
    """The same in chunks of ``size`` positions; the last one may have fewer."""
    waiting: list[Selected] = []
    for part in parts:
        waiting.append(part)
        while sum(len(p[0]) for p in waiting) >= size:
            count, rest, log, ids = (torch.cat(tensors) for tensors in zip(*waiting, strict=True))
            yield count[:size], rest[:size], log[:size], ids[:size]
            waiting = [(count[size:], rest[size:], log[size:], ids[size:])]
    if sum(len(p[0]) for p in waiting):
        count, rest, log, ids = (torch.cat(tensors) for tensors in zip(*waiting, strict=True))
        yield count, rest, log, ids


def quantize(part: Selected, precision: int, num_classes: int) -> Positions:
    """Log-probabilities as numbers of steps, classes in ascending order."""
    count, rest, log, ids = part
    most = OCTAVES * precision
    used = torch.arange(log.shape[1]) < count.unsqueeze(1)
    ids, order = torch.where(used, ids, num_classes).sort(dim=1)
    level = (log.gather(1, order).double() / -math.log(2) * precision).round().long().clamp(0, most)
    used = ids < num_classes
    least = torch.where(used, level, 0).amax(dim=1)
    rest = (rest.clamp(min=2.0**-OCTAVES).log2() * -precision).round().long().clamp(0, most)
    steps = (least.unsqueeze(1) - level)[used]
    return Positions(count.numpy(), least.numpy(), rest.numpy(), ids[used].numpy(), steps.numpy())


def dequantize(coded: Positions, k: int, precision: int, num_classes: int) -> TopK:
    """Probabilities that sum to one with the rest."""
    count, least, rest, ids, steps = (torch.from_numpy(part) for part in coded)
    used = torch.arange(k) < count.unsqueeze(1)
    classes, power = torch.zeros(used.shape, dtype=torch.long), torch.zeros(used.shape, dtype=torch.float64)
    classes[used] = ids
    level = (least.repeat_interleave(count) - steps).clamp(0, OCTAVES * precision)
    power[used] = torch.exp2(-level.double() / precision)
    left = torch.exp2(-rest.clamp(0, OCTAVES * precision).double() / precision)
    left = torch.where(count == num_classes, 0.0, left)
    total = power.sum(dim=1) + left
    return TopK(classes, (power / total.unsqueeze(1)).float(), (left / total).float())
