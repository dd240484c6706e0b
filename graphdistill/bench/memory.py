"""Tasks of two classes one after another, next to a memory of earlier tasks: coded sets against random images."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from rich.table import Table
from torch import Tensor

from graphdistill.bench.options import SearchBench as Bench
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of
from graphdistill.condense.distill import distill_condense
from graphdistill.core.command.report import mean_and_deviation
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.evaluation.protocol import SetProtocol
from graphdistill.core.parallel import default_jobs, parallel_map
from graphdistill.core.randomness import generator as stream
from graphdistill.core.sets.quantized import Precision
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.core.training.fit import fit
from graphdistill.datasets import load

TASKS = 5
"""Tasks of two classes each."""
BITS = (4, 2)
"""Bits of a pixel in the memory; random images are also kept in the second, in which more of them fit."""
Entries = tuple[Tensor, Tensor]
"""Images and their classes."""
Scores = tuple[float, float, int]
"""Test accuracy after the last task, that of a network on the memory alone, and the bytes of the memory."""


def memory_table(bench: Bench, name: str) -> Table:
    """All memories on one data set, whose classes are in another order for each seed.

    Raises:
        ValueError: it has no images, or fewer than ten classes.
    """
    data: Any = load(name, bench.root)
    if not isinstance(data, ImageDataset) or int(data.y.max()) + 1 < 2 * TASKS:
        raise ValueError(f"--tasks {name} must name images of {2 * TASKS} classes or more, such as digits")
    found: dict[str, list[Scores]] = {}
    jobs = bench.jobs or default_jobs()
    for rows in parallel_map(_memories, (data, bench.memory), range(bench.seeds), jobs=jobs):
        for memory, row in rows.items():
            found.setdefault(memory, []).append(row)
    title = f"{name}: {TASKS} tasks of two classes, {bench.memory} of each class, {bench.seeds} orders of the classes"
    table = Table(title=title, title_justify="left")
    for column in ("memory", "after all tasks", "a network on the memory alone", "bytes"):
        table.add_column(column, justify="left" if column == "memory" else "right")
    for memory, scores in found.items():
        last, alone, nbytes = zip(*scores, strict=True)
        kept = (mean_and_deviation(alone, 4), f"{statistics.fmean(nbytes):,.0f}") if max(nbytes) else ("", "0")
        table.add_row(memory, mean_and_deviation(last, 4), *kept)
    return table


def _memories(context: tuple[ImageDataset, int], seed: int) -> dict[str, Scores]:
    """Scores of every memory, for one order of the classes."""
    data, per_class = context
    order = torch.randperm(int(data.y.max()) + 1, generator=stream(seed, "order of classes"))[: 2 * TASKS]
    data = of_classes(data, order)
    tasks = [of_classes(data, torch.tensor([2 * t, 2 * t + 1])) for t in range(TASKS)]
    protocols = [protocol_of(task) for task in tasks]
    made: dict[str, list[SyntheticSet]] = {"none": []}
    for method in ("dm", "herding", "random"):
        config = CondenseConfig(method=method, per_class=per_class, bits=BITS[0])
        made[f"{method} in {BITS[0]} bits, {per_class} of each class"] = [
            distill_condense(task, config, generator=stream(seed, "condense")) for task in tasks
        ]
    sizes = [synthetic.nbytes for synthetic in made[f"dm in {BITS[0]} bits, {per_class} of each class"]]
    for bits in BITS:
        made[f"random images in {bits} bits, bytes of dm"] = [
            protocol.within(protocol.random_order(seed), size, Precision(bits))
            for protocol, size in zip(protocols, sizes, strict=True)
        ]
    made["all images"] = [protocol.chosen(torch.arange(len(protocol.data.train))) for protocol in protocols]
    whole, out = protocol_of(data), {}
    for name, sets in made.items():
        kept = [(cast(Tensor, s.data), s.y + 2 * t) for t, s in enumerate(sets)]
        rounds = [[*kept[:t], (task.images[task.train], task.y[task.train] + 2 * t)] for t, task in enumerate(tasks)]
        alone = _learn(whole, [kept], seed) if kept else 0.0
        out[name] = _learn(whole, rounds, seed), alone, sum(s.nbytes for s in sets)
    return out


def of_classes(data: ImageDataset, classes: Tensor) -> ImageDataset:
    """The images of some classes, which are numbered in this order.

    Example:
        >>> pair = of_classes(load("digits"), torch.tensor([7, 3]))
        >>> pair.y[pair.train].unique().tolist()
        [0, 1]
    """
    place = torch.full((int(data.y.max()) + 1,), -1)
    place[classes] = torch.arange(len(classes))
    y = place[data.y]
    keep = (y >= 0).nonzero().view(-1)
    number = torch.full_like(y, -1)
    number[keep] = torch.arange(len(keep))
    train, valid, test = (number[index[y[index] >= 0]] for index in (data.train, data.valid, data.test))
    return replace(data, images=data.images[keep], y=y[keep], train=train, valid=valid, test=test)


def _learn(protocol: SetProtocol[Any], rounds: Sequence[Sequence[Entries]], seed: int) -> float:
    """Test accuracy of one network that is trained round after round, each class with the same weight."""
    net = protocol.network("ConvNet", seed)
    images, labels = protocol.split("valid")
    for number, parts in enumerate(rounds):
        x, y = (torch.cat(values) for values in zip(*parts, strict=True))
        seen = labels <= y.max()
        fit(
            net,
            x,
            y,
            valid=(cast(Tensor, images)[seen], labels[seen]),
            metric=protocol.metric,
            task=protocol.task,
            weight=class_weights(y),
            config=protocol.fit,
            augment=protocol.augment,
            seed=seed + number,
        )
    return protocol.score(net, "test")
