"""Part of the benchmark of scale: a file of millions of molecules to a tree-count model and a coded set, in shards.

The molecules are those of MOSES (Polykovskiy et al., 2020), in the wheel of molsets; a label is 1 for a Crippen logP
above the training median. The wheel's test file is the test, that of unseen scaffolds is for validation.
"""

from __future__ import annotations

import contextlib
import gzip
import statistics
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import torch
from rdkit import Chem
from rdkit.Chem import Crippen
from rich.console import Console
from rich.table import Table

from graphdistill.bench.options import ScaleBench as Bench
from graphdistill.core.codec import encode_graphs
from graphdistill.core.command.progress import progress
from graphdistill.core.parallel import one_thread, open_engine
from graphdistill.core.randomness import generator
from graphdistill.mirage.config import MirageConfig
from graphdistill.mirage.shards.config import ShardsConfig
from graphdistill.mirage.shards.distill import ShardedResult, distill_shards
from graphdistill.mirage.shards.featurise import graphs_of
from graphdistill.mirage.shards.packing import unpack_graphs
from graphdistill.mirage.shards.parts import Parts
from graphdistill.mirage.shards.rows import Source
from graphdistill.mirage.shards.scoring import TreeCountModel

FILES = {"train": "train", "test": "test", "valid": "test_scaffolds"}
"""The wheel's file of each split."""
INTERVAL = 1.0
"""Seconds between two measurements of the memory."""
CHUNK = 20_000
"""Molecules whose logP is computed at once."""
SCORED = 20_000
"""Molecules that the model is timed on."""
MORE = (10_000_000, 100_000_000)
"""Numbers of molecules that are extrapolated to."""


@dataclass
class Memory:
    """Largest proportional set size of one process and of all together, in bytes.

    It is that of this process and of all that it started, so that shared memory is counted once.
    """

    process: int = 0
    together: int = 0

    def measure(self) -> None:
        """Measure now."""
        sizes = []
        own = psutil.Process()
        for process in [own, *own.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                sizes.append(process.memory_full_info().pss)
        self.process, self.together = max(self.process, *sizes), max(self.together, sum(sizes))

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Measure every second while the block runs."""
        end = threading.Event()

        def watch() -> None:
            while not end.wait(INTERVAL):
                self.measure()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
            self.measure()


def moses(wheel: Path, folder: Path, engine: str, jobs: int) -> tuple[Path, float]:
    """A file of all molecules with labels and splits, made once, and the seconds of computing their logP (0 if kept).

    Args:
        wheel: the wheel of molsets, which is read and not installed.
        folder: folder of the file.
        engine: engine that computes logP.
        jobs: its processes.
    """
    path = folder / "moses.smi.gz"
    if path.is_file():
        return path, 0.0
    smiles: list[str] = []
    splits: list[str] = []
    with zipfile.ZipFile(wheel) as files:
        for split, name in FILES.items():
            with files.open(f"moses/dataset/data/{name}.csv.gz") as raw, gzip.open(raw, "rt") as file:
                found = [line.strip() for line in file][1:]
            smiles, splits = smiles + found, splits + [split] * len(found)
    start = time.perf_counter()
    chunks = [smiles[first : first + CHUNK] for first in range(0, len(smiles), CHUNK)]
    with open_engine(engine, jobs) as run:
        values = [value for chunk in run(log_p, None, chunks) for value in chunk]
    seconds = time.perf_counter() - start
    median = statistics.median(value for value, split in zip(values, splits, strict=True) if split == "train")
    _write(path, zip(smiles, (int(value > median) for value in values), splits, strict=True))
    return path, seconds


def log_p(_: None, smiles: list[str]) -> list[float]:
    """Crippen logP of molecules."""
    compute: Callable[[Chem.Mol], float] = Crippen.MolLogP  # type: ignore[attr-defined]
    return [compute(Chem.MolFromSmiles(text)) for text in smiles]


def part_of(path: Path, molecules: int, folder: Path) -> Path:
    """A file of random molecules of another one, in its order; that file itself if it has no more."""
    with gzip.open(path, "rt") as file:
        rows = sum(1 for _ in file) - 1
    if molecules >= rows:
        return path
    chosen = torch.zeros(rows + 1, dtype=torch.bool)
    chosen[0] = True  # the names of the columns
    chosen[1 + torch.randperm(rows, generator=generator(0, "molecules"))[:molecules]] = True
    out = folder / f"moses-{molecules}.smi.gz"
    with gzip.open(path, "rt") as file, gzip.open(out, "wt") as part:
        part.writelines(line for line, keep in zip(file, chosen.tolist(), strict=True) if keep)
    return out


def _write(path: Path, rows: Iterator[tuple[str, int, str]]) -> None:
    draft = path.with_suffix(".part")
    with gzip.open(draft, "wt") as file:
        file.write("smiles y split\n")
        file.writelines(f"{text} {label} {split}\n" for text, label, split in rows)
    draft.replace(path)


def run(bench: Bench, console: Console) -> None:
    """Print a table with a column for each number of molecules, and what follows for more of them."""
    if not bench.wheel.is_file():
        raise FileNotFoundError(f"--wheel {bench.wheel}: there is no such file; pip download --no-deps molsets==0.3.1")
    folder = bench.wheel.absolute().parent
    path, seconds = moses(bench.wheel, folder, bench.engine, max(bench.jobs))
    if seconds:
        console.print(f"labels: logP of all molecules in {seconds:.0f} s, not counted below")
    found = [measure(part_of(path, size, folder), bench) for size in bench.sizes]
    console.print(table(found))
    for more in MORE:
        console.print(extrapolated(found[-1], more))


@dataclass(frozen=True)
class Figures:
    """Cost and scores of a run over shards.

    Attributes:
        result: the result, with the seconds of its stages.
        seconds: from the file to model and set.
        memory: memory of that.
        disk: bytes of all parts on disk.
        all_seconds: seconds of coding all molecules, a stream for each shard.
        all_bytes: their bytes.
        rates: molecules a second that the model scores on one thread, from SMILES and from tensors.
    """

    result: ShardedResult
    seconds: float
    memory: Memory
    disk: int
    all_seconds: float
    all_bytes: int
    rates: tuple[float, float]

    @property
    def molecules(self) -> int:
        """Molecules of all splits."""
        return sum(self.result.molecules.values())


def measure(path: Path, bench: Bench) -> Figures:
    """Run from a file to model and set in a new folder, then code all of it, then score."""
    config = ShardsConfig(engine=bench.engine, memory=bench.memory)
    jobs, memory = max(bench.jobs), Memory()
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        start = time.perf_counter()
        source, mirage = Source(path, split_column="split"), MirageConfig(bytes=bench.bytes)
        with memory.watched(), progress() as bars:
            result = distill_shards(source, mirage, config, folder, jobs=jobs, progress=bars)
        seconds = time.perf_counter() - start
        disk = sum(file.stat().st_size for file in folder.rglob("*.part"))
        (graphs,) = folder.glob("*/graphs")
        start = time.perf_counter()
        with open_engine(bench.engine, jobs) as run_map:
            size = sum(run_map(code_shard, graphs, range(len(list(graphs.iterdir())))))
        all_seconds = time.perf_counter() - start
    return Figures(result, seconds, memory, disk, all_seconds, size, throughput(result.model, path))


def code_shard(folder: Path, shard: int) -> int:
    """Bytes of the graphs of a shard in one stream."""
    return len(encode_graphs(unpack_graphs(Parts(folder).read(shard))))


def throughput(model: TreeCountModel, path: Path) -> tuple[float, float]:
    """Molecules a second that the model scores on one thread, from SMILES and from tensors."""
    with gzip.open(path, "rt") as file:
        next(file)
        smiles = [line.split()[0] for line, _ in zip(file, range(SCORED), strict=False)]
    graphs, _ = graphs_of(smiles)
    works: list[Callable[[], object]] = [lambda: model.score_smiles(smiles), lambda: model.score_graphs(graphs)]
    rates = []
    with one_thread():
        for work in works:
            start = time.process_time()
            work()
            rates.append(len(smiles) / (time.process_time() - start))
    return rates[0], rates[1]


def table(found: list[Figures]) -> Table:
    """A column for each number of molecules, a line for each figure."""
    out = Table(title="Molecules of MOSES in shards")
    out.add_column("molecules")
    for one in found:
        out.add_column(f"{one.molecules:,}", justify="right")
    lines: list[tuple[str, Callable[[Figures], str]]] = [
        ("from SMILES to model and set", lambda f: f"{f.seconds:.0f} s"),
        ("... a million molecules", lambda f: f"{f.seconds / f.molecules * 1e6:.0f} s"),
        *((f"  {stage}", partial(_stage, stage)) for stage in found[0].result.seconds),
        ("largest process, PSS", lambda f: f"{f.memory.process / 1e9:.2f} GB"),
        ("all processes, PSS", lambda f: f"{f.memory.together / 1e9:.2f} GB"),
        ("shards on disk", lambda f: f"{f.disk / 1e6:.0f} MB"),
        ("counted trees", lambda f: f"{sum(f.result.trees):,}"),
        ("test ROC-AUC of the model", lambda f: f"{f.result.scores['test']:.4f}"),
        ("... on unseen scaffolds", lambda f: f"{f.result.scores['valid']:.4f}"),
        ("set", lambda f: f"{f.result.entries:,} in {f.result.nbytes:,} bytes"),
        ("coding all, not counted", lambda f: f"{f.all_seconds:.0f} s, {f.all_bytes / 1e6:.2f} MB"),
        ("scored a second, from SMILES", lambda f: f"{f.rates[0]:,.0f}"),
        ("... from tensors", lambda f: f"{f.rates[1]:,.0f}"),
    ]
    for name, show in lines:
        out.add_row(name, *map(show, found))
    return out


def _stage(name: str, figures: Figures) -> str:
    return f"{figures.result.seconds[name]:.1f} s"


def extrapolated(last: Figures, molecules: int) -> str:
    """What more molecules would take at the rate of the largest run; the set stays as large."""
    coding = last.result.seconds["coding"]
    times = molecules / last.molecules
    seconds, disk = (last.seconds - coding) * times + coding, last.disk * times
    return (
        f"{molecules:,} molecules, extrapolated and not measured: {seconds / 3600:.1f} h, {disk / 1e9:.0f} GB of shards"
    )
