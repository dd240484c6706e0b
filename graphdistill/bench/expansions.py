"""Sets that expand when they are loaded, against random images with and without soft labels at equal coded bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import rich.console
import torch
from rich.table import Table

from graphdistill.bench.options import CondenseBench as Bench
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.matching.teachers import predictions, train_teachers
from graphdistill.condense.methods import infer, random_kd, reinforcement
from graphdistill.core.command.report import Row
from graphdistill.core.evaluation.protocol import SetProtocol
from graphdistill.core.evaluation.rows import train_rows
from graphdistill.core.methods import MethodConfig
from graphdistill.core.randomness import generator
from graphdistill.core.sets.budget import largest_prefix
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.datasets import load

METHODS = ("random", "random-kd", "prune-combine", "reinforcement", "hello", "infer")
FEATURES = ("images", "tiles", "pixels")
"""Names of stored tensors that are images; all others are labels, or what makes views and labels."""

console = rich.console.Console(width=120)


def expansions(bench: Bench) -> None:
    """Each method on each data set of images, and random images in its bytes."""
    for name in bench.datasets:
        data: Any = load(name, bench.root)
        protocol = protocol_of(data, trainings=bench.trainings, device=bench.torch_device)
        if training_data_of(protocol).KIND != "images":
            continue
        for per_class in bench.per_class or (10,):
            table = Table(title=f"{name}, {per_class} of each class", title_justify="left")
            for column in ("method", "validation", "test", "bytes", "of which not images", "entries"):
                table.add_column(column)
            for label, make in makers(protocol, per_class, bench.methods or METHODS).items():
                sets = [make(seed) for seed in range(bench.seeds)]
                (row,) = train_rows(protocol, label, sets)
                table.add_row(*cells(row, sets))
                console.print(name, per_class, *cells(row, sets))
            console.print(table)


def cells(row: Row, sets: list[SyntheticSet]) -> tuple[str, ...]:
    """A row of the table."""
    extra = sum(len(s) for set_ in sets for part, s in set_.payload().items() if part not in FEATURES) // len(sets)
    valid = sum(row.valid) / len(row.valid)
    return (
        row.name,
        f"{valid:.3f}",
        f"{row.mean:.3f} ± {row.std:.3f}",
        f"{row.nbytes:,}",
        f"{extra:,}",
        f"{row.entries:,}",
    )


def makers(
    protocol: SetProtocol[Any], per_class: int, methods: tuple[str, ...]
) -> dict[str, Callable[[int], SyntheticSet]]:
    """How the set of a seed is made, by the name of its row; each method is followed by random images in its bytes."""
    made: dict[tuple[str, int], SyntheticSet] = {}

    def condensed(method: str | MethodConfig) -> Callable[[int], SyntheticSet]:
        def make(seed: int) -> SyntheticSet:
            key = repr(method), seed
            if key not in made:
                config = CondenseConfig(method=method, per_class=per_class, bits="full")
                draws = generator(seed, "condense")
                made[key] = distill_condense(protocol.data, config, generator=draws, protocol=protocol)
            return made[key]

        return make

    out: dict[str, Callable[[int], SyntheticSet]] = {}
    for name in methods:
        if name == "reinforcement":
            for views in (20, 50):
                out[f"reinforcement, {views} views"] = condensed(reinforcement.Config(views=views))
        else:
            out[name] = condensed(name)
        if name in ("prune-combine", "infer"):
            make = out[name]
            out[f"random images in the bytes of {name}"] = partial(hard_within, protocol, make)
        if name == "infer":
            out["... with soft labels"] = partial(soft_within, protocol, make)
            out["infer without learnt compensators"] = condensed(infer.Config(compensator_steps=0))
    return out


def context_of(protocol: SetProtocol[Any], seed: int, per_class: int = 1) -> MethodContext:
    """The context that a method gets with a seed."""
    inner = int(torch.randint(2**62, (), generator=generator(seed, "condense")))
    return MethodContext(training_data_of(protocol), per_class, protocol, inner)


def hard_within(protocol: SetProtocol[Any], make: Callable[[int], SyntheticSet], seed: int) -> SyntheticSet:
    """Random images with their classes in at most the bytes of the set of a seed."""
    return protocol.within(protocol.random_order(seed), make(seed).nbytes)


def soft_within(protocol: SetProtocol[Any], make: Callable[[int], SyntheticSet], seed: int) -> SyntheticSet:
    """The same with soft labels, as of ``random-kd``."""
    context = context_of(protocol, seed)
    (net,) = train_teachers(context)
    logits, order = predictions(context, net), protocol.random_order(seed)
    made: dict[int, SyntheticSet] = {}

    def nbytes(count: int) -> int:
        index = order[:count]
        index = index[context.real.y[index].argsort(stable=True)]
        made[count] = random_kd.labelled(context, index, logits, random_kd.Config())
        return made[count].nbytes

    count = largest_prefix(nbytes, make(seed).nbytes, len(order), protocol.num_classes)
    return made.get(count) or made[protocol.num_classes]
