"""Splits of data without a given split: by class, or by scaffold of the molecules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from graphdistill.core.randomness import generator

Split = tuple[Tensor, Tensor, Tensor]


def stratified(y: Tensor, seed: int, name: str) -> Split:
    """Train, valid and test indices: 80/10/10 of each class of ``y`` (of all entries with many tasks)."""
    draw = generator(seed, "split", name)
    whole = [torch.arange(len(y))] if y.dim() > 1 else _members(y)
    groups = [group[torch.randperm(len(group), generator=draw)] for group in whole]
    tenths = [round(len(group) / 10) for group in groups]
    pairs = list(zip(groups, tenths, strict=True))
    return (
        torch.cat([group[2 * tenth :] for group, tenth in pairs]).sort()[0],
        torch.cat([group[:tenth] for group, tenth in pairs]).sort()[0],
        torch.cat([group[tenth : 2 * tenth] for group, tenth in pairs]).sort()[0],
    )


def per_class(y: Tensor, seed: int, name: str, train: int = 20, valid: int = 30) -> Split:
    """``train`` and then ``valid`` random members of each class, and all others for the test."""
    draw = generator(seed, "split", name)
    order = [g[torch.randperm(len(g), generator=draw)] for g in _members(y)]
    return (
        torch.cat([g[:train] for g in order]).sort()[0],
        torch.cat([g[train : train + valid] for g in order]).sort()[0],
        torch.cat([g[train + valid :] for g in order]).sort()[0],
    )


def _members(y: Tensor) -> Sequence[Tensor]:
    """Indices of the entries of each present class."""
    _, counts = y.unique(return_counts=True)
    groups: Sequence[Tensor] = y.argsort(stable=True).split(counts.tolist())
    return groups


def by_scaffold(scaffolds: Sequence[str]) -> Split:
    """80/10/10 with all molecules of a scaffold in one split, large scaffolds first, as OGB and DeepChem do.

    Args:
        scaffolds: Bemis-Murcko scaffold of each molecule.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for number, scaffold in enumerate(scaffolds):
        members[scaffold].append(number)
    train: list[int] = []
    valid: list[int] = []
    test: list[int] = []
    for group in sorted(members.values(), key=lambda g: (len(g), g[0]), reverse=True):
        if len(train) + len(group) <= 0.8 * len(scaffolds):
            train += group
        elif len(train) + len(valid) + len(group) <= 0.9 * len(scaffolds):
            valid += group
        else:
            test += group
    return (
        torch.tensor(sorted(train)).long(),
        torch.tensor(sorted(valid)).long(),
        torch.tensor(sorted(test)).long(),
    )
