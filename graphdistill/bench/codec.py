"""Benchmark of the codec for sets of graphs against general compressors, on text of the graphs and on SMILES.

Bytes a graph are those of whole streams, tables of rows and headers included, labels excluded. Graphs a second are by
the CPU time of one thread, everything included: reading the tensors, the walks, coding, decoding, building tensors.
"""

from __future__ import annotations

import importlib.util
import lzma
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import rich.console
import torch
from rdkit import Chem, rdBase
from rich.table import Table

from graphdistill.bench.options import CodecBench as Bench
from graphdistill.core.codec import Labels, decode_graphs, encode_graphs, encode_set, prior_graphs
from graphdistill.core.command.report import versions
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.data.graphs import Graphs
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.datasets import load
from graphdistill.mirage.molecules import molecule

Compressor = Callable[[bytes], bytes]

console = rich.console.Console(width=110)

PRIOR = "moses500"
BITS = (1, 2, 3, 4, 6, 8)
"""Precisions of soft labels."""
MOST_TEXT = 10_000
"""Largest number of graphs that are compressed as text, too: more take minutes."""
PLAIN = """
import time
import torch
from graphdistill.bench.codec import part_of
from graphdistill.core.codec import decode_graphs, encode_graphs
from graphdistill.datasets import load
import sys
name, root, size = sys.argv[1], sys.argv[2] or None, int(sys.argv[3])
graphs = part_of(load(name, root), size, 0)[0]
start = time.process_time()
data = encode_graphs(graphs)
middle = time.process_time()
decode_graphs(data)
print(len(graphs) / (middle - start), len(graphs) / (time.process_time() - middle))
"""

MEMORY = """
import sys
from pathlib import Path
from graphdistill.bench.codec import part_of
from graphdistill.core.codec import decode_graphs, encode_graphs
from graphdistill.core.data.graphs import Graphs
from graphdistill.datasets import load
name, root, size = sys.argv[1], sys.argv[2] or None, int(sys.argv[3])
graphs = part_of(load(name, root), size, 0)[0]
decode_graphs(encode_graphs(Graphs.from_data_list([graphs[0]])))

def resident(which):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(which))

def grown(run):
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    start = resident("VmRSS")
    out = run()
    return out, resident("VmHWM") - start

data, encoding = grown(lambda: encode_graphs(graphs))
_, decoding = grown(lambda: decode_graphs(data))
tensors = sum(t.numel() * t.element_size() for t in vars(graphs).values() if t is not None)
print(len(graphs), tensors / 1e6, encoding, decoding)
"""


def main(bench: Bench) -> None:
    """Run the selected parts on one thread."""
    with one_thread():
        console.print(" ".join(f"{name} {version}" for name, version in versions().items()))
        small = Graphs.from_data_list([prior_graphs(PRIOR)[0]])
        decode_graphs(encode_graphs(small))  # compiles what is not compiled yet
        parts = {"sets": sets, "prior": prior, "labels": labels, "memory": memory, "plain": plain}
        for part in bench.parts:
            parts[part](bench)


def sets(bench: Bench) -> None:
    """All training graphs of each data set (of TU sets, all graphs), and random ones of them."""
    for name in bench.datasets:
        data = _load(name, bench)
        for size in (0, *(size for size in bench.sizes if size < len(data.graphs) // 2)):
            compare(data, size, bench, use_prior=False)


def prior(bench: Bench) -> None:
    """Random molecules, coded after the same 500 molecules of MOSES by every contender."""
    for name in bench.datasets:
        data = _load(name, bench)
        if data.features == "ogb":
            for size in (size for size in bench.sizes if size < len(data.graphs) // 2):
                compare(data, size, bench, use_prior=True)


def plain(bench: Bench) -> None:
    """Speed of the plain functions, without numba, on 1,000 graphs."""
    for name in bench.datasets[:1]:
        env = {**os.environ, "GRAPHDISTILL_NO_JIT": "1"}
        command = [sys.executable, "-c", PLAIN, name, str(bench.root or ""), "1000"]
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        both = " and ".join(f"{float(speed):,.0f}" for speed in run.stdout.split()[-2:])
        console.print(f"{name}, 1,000 graphs without numba: {both} graphs/s to encode and to decode")


def labels(bench: Bench) -> None:
    """Soft labels of a linear teacher at each precision: bytes a graph, and the divergence from the exact ones."""
    for name in bench.datasets:
        data = _load(name, bench)
        split = TrainingSplit(data, 2)
        logit = split.teacher.double()
        if data.metric == "rocauc":  # the teacher balances the classes
            logit[:, 1] += (split.y == 1).double().mean().logit()
        exact = logit.softmax(dim=1)
        table = Table("graphs", *(f"{bits} bits" for bits in BITS), title=f"{name}: bytes (divergence)")
        for size in (size for size in bench.sizes if size <= len(split.graphs)):
            draws = bench.draws if size <= 100 else 1
            found = torch.zeros(len(BITS), 2)
            for draw in range(draws):
                random = generator(draw, "codec bench", "labels", name, size)
                index = torch.randperm(len(exact), generator=random)[:size]
                graphs, p = split.graphs.subset(index), exact[index]
                bare = len(encode_graphs(graphs))
                for row, bits in zip(found, BITS, strict=True):
                    soft = Labels(p.float(), bits=bits)
                    stored = soft.stored().y.double().clamp_min(1e-7)
                    divergence = float((p * (p / stored).log()).sum(dim=1).mean())
                    row += torch.tensor([(len(encode_set(graphs, soft).data) - bare) / size, divergence]) / draws
            table.add_row(f"{size:,}", *(f"{bytes_:.2f} ({divergence:.4f})" for bytes_, divergence in found.tolist()))
        console.print(table)


def memory(bench: Bench) -> None:
    """Peak of the resident memory above the start, in processes of their own."""
    if not Path("/proc/self/clear_refs").exists():
        console.print("memory is measured on Linux only")
        return
    table = Table("graphs", "their tensors, MB", "encode, MB", "decode, MB", title=f"memory, {bench.datasets[0]}")
    for size in (1000, 10_000, 0):
        command = [sys.executable, "-c", MEMORY, bench.datasets[0], str(bench.root or ""), str(size)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        num, *sizes = run.stdout.split()[-4:]
        table.add_row(f"{int(num):,}", *(f"{float(value):,.1f}" for value in sizes))
    console.print(table)


def compare(data: GraphDataset, size: int, bench: Bench, *, use_prior: bool) -> None:
    """Print the bytes a graph of every contender, the mean of a few draws where graphs are drawn."""
    draws = bench.draws if 0 < size <= 100 else 1
    given = prior_graphs(PRIOR) if use_prior else None
    totals: dict[str, float] = {}
    num, seconds = 0, [0.0, 0.0]
    for draw in range(draws):
        graphs, index = part_of(data, size, draw)
        num = len(graphs)
        start = time.process_time()
        stream = encode_graphs(graphs, prior=PRIOR if use_prior else "")
        middle = time.process_time()
        decode_graphs(stream)
        end = time.process_time()
        seconds = [seconds[0] + middle - start, seconds[1] + end - middle]
        totals["graphdistill.core.codec"] = totals.get("graphdistill.core.codec", 0) + len(stream)
        texts: dict[str, tuple[list[str], list[str]]] = {}
        if num <= MOST_TEXT:
            texts["text"] = text_of(graphs), text_of(given) if given is not None else []
        if (smiles := data.smiles) is not None:
            before = smiles_of(given) if given is not None else []
            texts["SMILES"] = sorted(smiles[k] for k in index.tolist()), before
        for form, (lines, before) in texts.items():
            for name, compress in compressors().items():
                first = "".join(f"{line}\n" for line in before).encode()
                rest = "".join(f"{line}\n" for line in lines).encode()
                # With a prior, the bytes that the graphs add to it.
                bytes_ = len(compress(first + rest)) - (len(compress(first)) if first else 0)
                totals[f"{name} of {form}"] = totals.get(f"{name} of {form}", 0) + bytes_
    what = (
        f"{num:,} of {data.name}" + (f", mean of {draws} draws" if draws > 1 else "") + use_prior * ", with the prior"
    )
    table = Table("", "bytes a graph", "encode, graphs/s", "decode, graphs/s", title=what, title_justify="left")
    for name, total in totals.items():
        ours = name == "graphdistill.core.codec"
        speed = [f"{num * draws / taken:,.0f}" if ours else "" for taken in seconds]
        table.add_row(name, f"{total / num / draws:.2f}", *speed)
    console.print(table)


def part_of(data: GraphDataset, size: int, draw: int) -> tuple[Graphs, torch.Tensor]:
    """The training graphs (of TU sets, all graphs) or ``size`` random ones, and which they are."""
    index = data.train if data.features == "ogb" and data.name != "pains" else torch.arange(len(data.graphs))
    if size:
        index = index[torch.randperm(len(index), generator=generator(draw, "codec bench", data.name, size))[:size]]
    return data.graphs.subset(index), index


def text_of(graphs: Graphs) -> list[str]:
    """A line for each graph: the rows of its nodes, then its edges; those that go both ways alike stand once."""
    lines = []
    for k in range(len(graphs)):
        graph = graphs[k]
        nodes = ";".join(",".join(map(str, row)) for row in graph.x.tolist())
        rows = [()] * graph.edge_index.shape[1] if graph.edge_attr is None else map(tuple, graph.edge_attr.tolist())
        ends = list(zip(map(tuple, graph.edge_index.T.tolist()), rows, strict=True))
        known = set(ends)
        kept = [(s, t, *row) for (s, t), row in ends if s <= t or ((t, s), row) not in known]
        lines.append(f"{nodes}|{';'.join(','.join(map(str, edge)) for edge in kept)}")
    return lines


def smiles_of(graphs: Graphs) -> list[str]:
    """Canonical SMILES of molecules with OGB's rows, without stereochemistry."""
    out = []
    with rdBase.BlockLogs():
        for k in range(len(graphs)):
            text = Chem.MolToSmiles(molecule(graphs[k]))
            parsed = Chem.MolFromSmiles(text)
            out.append(text if parsed is None else Chem.MolToSmiles(parsed))
    return sorted(out)


def compressors() -> dict[str, Compressor]:
    """General compressors at their strongest settings; brotli and PPMd if they are installed."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}]
    out: dict[str, Compressor] = {
        "zlib": lambda data: zlib.compress(data, 9),
        "xz": lambda data: lzma.compress(data, lzma.FORMAT_RAW, filters=filters),
    }
    if importlib.util.find_spec("brotli"):
        import brotli

        out["brotli"] = lambda data: bytes(brotli.compress(data, quality=11, lgwin=24))
    if importlib.util.find_spec("pyppmd"):
        import pyppmd

        out["PPMd"] = lambda data: bytes(pyppmd.compress(data, max_order=12, mem_size=256 << 20))
    return out


def missing(names: Sequence[str] = ("brotli", "pyppmd")) -> list[str]:
    """Compressors that are not installed."""
    return [name for name in names if not importlib.util.find_spec(name)]


def _load(name: str, bench: Bench) -> GraphDataset:
    if absent := missing():
        console.print(f"not installed: {', '.join(absent)}; pip install 'graphdistill[bench]' to compare with them")
    data = load(name, bench.root)
    assert isinstance(data, GraphDataset)
    return data
