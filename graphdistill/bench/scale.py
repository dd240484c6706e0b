"""Benchmark of scale: molecules from SMILES to tensors, and millions of them in shards.

The loading part prints CPU microseconds a molecule of one thread, the tables part seconds to load all of a table, the
shards part seconds, memory and scores from a file of molecules to a tree-count model and a coded set.
"""

from __future__ import annotations

import csv
import gzip
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import rdkit
import rich.console
import torch
from ogb.utils import smiles2graph
from rdkit import Chem, rdBase
from rich.table import Table

from graphdistill.bench import millions
from graphdistill.bench.options import ScaleBench as Bench
from graphdistill.core.command.report import versions
from graphdistill.core.molecules import featurise as featurising
from graphdistill.core.molecules import scaffolds
from graphdistill.core.molecules.featurise import CHUNK, featurise
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator
from graphdistill.datasets import load
from graphdistill.datasets._roots import find

console = rich.console.Console(width=120)


def main(bench: Bench) -> None:
    """Run the selected parts."""
    console.print({**versions(), "rdkit": rdkit.__version__})
    for part in bench.parts:
        if part == "shards":
            millions.run(bench, console)
            continue
        for name in bench.datasets:
            {"loading": loading, "tables": tables}[part](name, bench)


def loading(name: str, bench: Bench) -> None:
    """CPU time of each way to read molecules."""
    with gzip.open(_path(name, bench), "rt", newline="") as file:
        smiles = [row["smiles"] for row in csv.DictReader(file)]
    with one_thread(), rdBase.BlockLogs():
        console.print(table(name, measure(sample(smiles, bench.molecules), bench.rounds)))


def tables(name: str, bench: Bench) -> None:
    """Seconds to load the whole table with each number of processes."""
    for jobs in bench.jobs:
        console.print(f"{name}, whole table, jobs={jobs}: {whole(_path(name, bench), jobs)}")


def _path(name: str, bench: Bench) -> Path:
    path = find(bench.root, f"ogb/{name.replace('-', '_')}/mapping/mol.csv.gz")
    if path is None:
        raise FileNotFoundError(f"{name} has no table of SMILES under --root; download it with OGB's loader first")
    return path


def sample(smiles: Sequence[str], size: int) -> list[str]:
    """At most ``size`` molecules at random, of those that rdkit can read.

    Example:
        >>> sample(["CO"], 5)
        ['CO']
    """
    order = torch.randperm(len(smiles), generator=generator(0, "loading bench"))
    drawn = [smiles[i] for i in order[:size].tolist()]
    with rdBase.BlockLogs():
        return [text for text in drawn if Chem.MolFromSmiles(text) is not None]


def measure(smiles: Sequence[str], rounds: int) -> dict[str, tuple[float, float]]:
    """CPU microseconds a molecule of each way, the least of some rounds, and the median of its ratio to MolFromSmiles.

    All ways are run in every round, one after another, so that slow moments of the machine meet them alike.

    Args:
        smiles: molecules.
        rounds: number of rounds.
    """
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            scaffolds.smiles_of.cache_clear()
            start = time.process_time()
            for first in range(0, len(smiles), CHUNK):
                way(smiles[first : first + CHUNK])
            times[name].append(time.process_time() - start)
    base = times["MolFromSmiles"]
    return {
        name: (
            min(found) / len(smiles) * 1e6,
            statistics.median(one / other for one, other in zip(found, base, strict=True)),
        )
        for name, found in times.items()
    }


def _parse(smiles: Sequence[str]) -> None:
    for text in smiles:
        Chem.MolFromSmiles(text)


def _ogb(smiles: Sequence[str]) -> None:
    for text in smiles:
        smiles2graph(text)


def _by_getters(smiles: Sequence[str], with_scaffolds: bool) -> None:
    unusable = featurising.Usable(features=False, scaffolds=False)
    with mock.patch.object(featurising, "self_test", return_value=unusable):
        featurise(smiles, scaffolds=with_scaffolds)


WAYS: dict[str, Callable[[Sequence[str]], object]] = {
    "MolFromSmiles": _parse,
    "featurise": featurise,
    "featurise, scaffolds": lambda smiles: featurise(smiles, scaffolds=True),
    "by getters": lambda smiles: _by_getters(smiles, False),
    "by getters, scaffolds": lambda smiles: _by_getters(smiles, True),
    "ogb.utils.smiles2graph": _ogb,
}
"""Ways to read molecules."""


def table(name: str, measured: dict[str, tuple[float, float]]) -> Table:
    """A line per way."""
    out = Table(title=f"{name}: CPU time of one thread")
    for column in ("way", "us a molecule", "x MolFromSmiles"):
        out.add_column(column)
    for way, (microseconds, times) in measured.items():
        out.add_row(way, f"{microseconds:.1f}", f"{times:.2f}")
    return out


def whole(path: Path, jobs: int) -> str:
    """Seconds to load a table into a data set without a cache, and again from the cache."""
    with gzip.open(path, "rt", newline="") as file:
        label = next(csv.reader(file))[0]
    seconds = []
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, XDG_CACHE_HOME=folder):
        for _ in range(2):
            start = time.perf_counter()
            with warnings.catch_warnings():
                # The split may lack a class; no score is read here.
                warnings.simplefilter("ignore", UserWarning)
                load(path, label_column=label, skip_invalid=True, jobs=jobs)
            seconds.append(time.perf_counter() - start)
    return f"{seconds[0]:.1f} s, {seconds[1]:.1f} s again from the cache"
