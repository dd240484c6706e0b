"""Part of the benchmark of condensing: methods that train no network on graphs of many nodes, and what they cost.

Every set is made in a process of its own, from the name of the data to the set, so that its largest memory is that of
one method. Seconds are those of the clock and of the CPU, which other programs of the machine change less.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import rich.console
from rich.table import Table

from graphdistill.bench.options import CondenseBench as Bench
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of
from graphdistill.condense.distill import distill_condense
from graphdistill.core.command.report import peak_memory
from graphdistill.core.evaluation.rows import train_rows
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator
from graphdistill.datasets import load

METHODS = ("random", "herding", "k-center", "cgc", "bonsai")
GRAPHS = {"facebook": 5, "sbm-million": 10}
"""Data sets and the entries of each of their classes."""

console = rich.console.Console(width=120)


@dataclass(frozen=True)
class Figures:
    """A set that was made in a process of its own.

    Attributes:
        seconds: from the name to the set.
        cpu: seconds of the CPU for it.
        load: seconds of them until the data were loaded.
        memory: largest resident memory of the process until then, in bytes.
        nbytes: bytes of the set.
        entries: nodes of the set.
        test: score of each training on it.
    """

    seconds: float
    cpu: float
    load: float
    memory: int
    nbytes: int
    entries: int
    test: tuple[float, ...]


def large(bench: Bench) -> None:
    """Both graphs, or the one that is named, with a row for each method."""
    for name in [name for name in bench.datasets if name in GRAPHS] or GRAPHS:
        for per_class in bench.per_class or (GRAPHS[name],):
            table = Table(
                title=f"{name}, {per_class} nodes a class: {bench.seeds} sets, {bench.trainings} trainings each"
            )
            for column in ("method", "test", "seconds", "of the CPU", "... to load", "memory GB", "bytes", "nodes"):
                table.add_column(column, justify="left" if column == "method" else "right")
            for method in bench.methods or METHODS:
                runs = [
                    alone(name, method, per_class, bench.root, seed, bench.trainings) for seed in range(bench.seeds)
                ]
                table.add_row(method, *cells(runs))
                console.print(f"{name}, {method}: {' | '.join(cells(runs))}")
            console.print(table)


def cells(runs: list[Figures]) -> list[str]:
    """Mean and deviation of the scores, means of the seconds, the largest memory, means of the sizes.

    Example:
        >>> cells([Figures(2.0, 1.5, 0.5, 10**9, 300, 20, (0.5, 0.7))])
        ['0.600 ± 0.100', '2.0', '1.5', '0.5', '1.00', '300', '20']
    """
    test = [value for run in runs for value in run.test]
    means = [statistics.fmean(getattr(run, name) for run in runs) for name in ("seconds", "cpu", "load")]
    sizes = [round(statistics.fmean(getattr(run, name) for run in runs)) for name in ("nbytes", "entries")]
    return [
        f"{statistics.fmean(test):.3f} ± {statistics.pstdev(test):.3f}",
        *(f"{value:.1f}" for value in means),
        f"{max(run.memory for run in runs) / 1e9:.2f}",
        *(f"{size:,}" for size in sizes),
    ]


def alone(name: str, method: str, per_class: int, root: Path | None, seed: int, trainings: int) -> Figures:
    """The figures of one set, from a process that is started for it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, name, method, per_class, root, seed, trainings).result()


def measure(name: str, method: str, per_class: int, root: Path | None, seed: int, trainings: int) -> Figures:
    """Make a set and then train on it; arguments are those of :func:`alone`."""
    with one_thread():
        clock, cpu = time.perf_counter(), time.process_time()
        data = load(name, root)
        loaded = time.perf_counter() - clock
        protocol = protocol_of(data, trainings=trainings)
        config = CondenseConfig(method=method, per_class=per_class, bits="full")
        synthetic = distill_condense(data, config, generator=generator(seed, "condense"), protocol=protocol)
        seconds, spent, memory = time.perf_counter() - clock, time.process_time() - cpu, peak_memory()
        (row,) = train_rows(protocol, method, [synthetic])
    return Figures(seconds, spent, loaded, memory, synthetic.nbytes, len(synthetic), row.test)
