"""Benchmark of the segment operations on one CPU thread or a GPU against torch, PyG and others.

Times are the minimum over interleaved rounds: CPU times of the thread, or with a GPU the time until it has finished.
Every part can run alone.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import rich.console
import torch
import torch.nn.functional as F
import torch_geometric.utils
from rich.table import Table
from torch import Tensor

from graphdistill.bench.options import ScatterBench as Bench
from graphdistill.core.command.report import versions
from graphdistill.core.data.tensors import segment_ptr, to_device
from graphdistill.core.device import describe_device, synchronize
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator
from graphdistill.core.scatter import (
    Segments,
    class_moments,
    codebook_stats,
    gather_segment,
    nearest_code,
    segment_max,
    segment_mean,
    segment_sum,
    sort_by,
)
from graphdistill.core.scatter._reference import csr

Call = Callable[[], object]

console = rich.console.Console(width=110)


def main(bench: Bench) -> None:
    """Run the selected parts on one thread, or on a GPU."""
    with one_thread():
        console.print({**versions(), "threads": 1, "device": describe_device(bench.torch_device)})
        for part in bench.parts:
            {"segments": segments, "gather": gather, "moments": moments, "codes": codes}[part](bench)


def segments(bench: Bench) -> None:
    """Sum, mean and maximum of 32,901 segments of 8 to 43 rows, as wide as a readout."""
    draw = generator(bench.seed, "segments")
    ptr = segment_ptr(torch.randint(8, 44, (int(32_901 * bench.scale),), generator=draw))
    size, entries = len(ptr) - 1, int(ptr[-1])
    x = torch.randn(entries, 64, generator=draw)
    ptr, x = ptr.to(bench.torch_device), x.to(bench.torch_device)
    owner = torch.repeat_interleave(torch.arange(size, device=x.device), ptr.diff())
    wide, ones = owner[:, None].expand_as(x), x.new_ones(entries)
    matrix = csr(ptr, torch.arange(entries, device=x.device), ones, (size, entries))
    compiled = torch.compile(lambda x: x.new_zeros(size, 64).index_add(0, owner, x))
    count = ptr.diff()[:, None]
    compare(
        f"sum of {entries:,} x 64 in {size:,} segments",
        {
            "segment_sum": lambda: segment_sum(x, ptr),
            "scatter_reduce": lambda: x.new_zeros(size, 64).scatter_reduce_(0, wide, x, "sum"),
            "index_add": lambda: x.new_zeros(size, 64).index_add_(0, owner, x),
            "PyG scatter": lambda: torch_geometric.utils.scatter(x, owner, dim_size=size, reduce="sum"),
            "PyG segment": lambda: torch_geometric.utils.segment(x, ptr, reduce="sum"),
            "sparse CSR matmul": lambda: matrix @ x,
            "torch.compile of index_add": lambda: compiled(x),
        },
        bench,
    )
    compare(
        "mean",
        {
            "segment_mean": lambda: segment_mean(x, ptr),
            "scatter_reduce": lambda: x.new_zeros(size, 64).scatter_reduce_(0, wide, x, "mean", include_self=False),
            "PyG scatter": lambda: torch_geometric.utils.scatter(x, owner, dim_size=size, reduce="mean"),
            "PyG segment": lambda: torch_geometric.utils.segment(x, ptr, reduce="mean"),
            "sparse CSR matmul": lambda: (matrix @ x) / count,
            "torch.compile of index_add": lambda: compiled(x) / count,
        },
        bench,
    )
    compare(
        "maximum",
        {
            "segment_max": lambda: segment_max(x, ptr),
            "scatter_reduce": lambda: x.new_zeros(size, 64).scatter_reduce_(0, wide, x, "amax", include_self=False),
            "PyG scatter": lambda: torch_geometric.utils.scatter(x, owner, dim_size=size, reduce="max"),
            "PyG segment": lambda: torch_geometric.utils.segment(x, ptr, reduce="max"),
        },
        bench,
    )


def gather(bench: Bench) -> None:
    """Weighted message passing over a random graph of 50,000 nodes and 1M edges, 64 wide."""
    draw = generator(bench.seed, "gather")
    nodes, edges = int(50_000 * bench.scale), int(1_000_000 * bench.scale)
    index = torch.randint(nodes, (edges,), generator=draw)
    order, ptr = sort_by(torch.randint(nodes, (edges,), generator=draw), nodes)
    owner = torch.repeat_interleave(torch.arange(nodes), ptr.diff())
    x, weight = torch.randn(nodes, 64, generator=draw), torch.rand(edges, generator=draw)[order]
    upstream = torch.randn(nodes, 64, generator=draw)
    index, ptr, owner, x, weight, upstream = to_device((index, ptr, owner, x, weight, upstream), bench.torch_device)
    leaves = x.clone().requires_grad_(), weight.clone().requires_grad_()

    def eager(x: Tensor, weight: Tensor) -> Tensor:
        return x.new_zeros(nodes, 64).index_add(0, owner, x[index] * weight[:, None])

    def pyg(x: Tensor, weight: Tensor) -> Tensor:
        out: Tensor = torch_geometric.utils.scatter(x[index] * weight[:, None], owner, dim_size=nodes)
        return out

    def sparse(x: Tensor, weight: Tensor) -> Tensor:
        return csr(ptr, index, weight, (nodes, nodes)) @ x

    def ours(x: Tensor, weight: Tensor) -> Tensor:
        return gather_segment(x, ptr, index, weight)

    prepared = Segments(ptr, index, nodes)
    compiled = torch.compile(eager)
    contenders: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "gather_segment": ours,
        "Segments.sum (order prepared)": prepared.sum,
        "gather, multiply, index_add": eager,
        "gather, multiply, PyG scatter": pyg,
        "torch.compile of it": compiled,
    }

    def both(call: Callable[[Tensor, Tensor], Tensor]) -> Call:
        return lambda: torch.autograd.grad(call(*leaves), leaves, upstream)

    with torch.no_grad():
        forward: dict[str, Call] = {name: partial(call, x, weight) for name, call in contenders.items()}
        forward["sparse CSR matmul"] = lambda: sparse(x, weight)
        compare(f"weighted gather and sum, {edges:,} edges x 64, forward", forward, bench)
    backward = {name: both(call) for name, call in contenders.items()}
    compare("the same, forward and backward to x and weight", backward, bench)


def moments(bench: Bench) -> None:
    """Class means and second moments of 200,000 rows x 128 in 10 classes."""
    draw = generator(bench.seed, "moments")
    rows, classes = int(200_000 * bench.scale), 10
    x, y = torch.randn(rows, 128, generator=draw), torch.randint(classes, (rows,), generator=draw)
    x, y = to_device((x, y), bench.torch_device)
    count = torch.bincount(y, minlength=classes)[:, None]
    square = x.new_zeros(classes, 128)
    one_hot = F.one_hot(y, classes).float().T.contiguous()
    compare(
        f"count, mean and second moment of {rows:,} x 128 in {classes} classes",
        {
            "class_moments": lambda: class_moments(x, y, classes),
            "index_add": lambda: [square.index_add(0, y, v) / count for v in (x, x * x)],
            "matmul with one-hot (made before)": lambda: [one_hot @ v / count for v in (x, x * x)],
        },
        bench,
    )


def codes(bench: Bench) -> None:
    """Nearest of 8,192 codes to 20,000 rows x 128, and the statistics of the codebook's moving average."""
    x, codebook = _codes(bench)
    code, _ = nearest_code(x, codebook)
    contenders: dict[str, Call] = {
        "nearest_code": lambda: nearest_code(x, codebook),
        "nearest_code and codebook_stats": lambda: codebook_stats(x, nearest_code(x, codebook)[0], len(codebook)),
        "torch.cdist, argmin": lambda: torch.cdist(x, codebook).argmin(dim=1),
    }
    if importlib.util.find_spec("vector_quantize_pytorch"):
        from vector_quantize_pytorch import VectorQuantize

        kinds = {"Euclidean": False, "cosine": True}
        for name, cosine in kinds.items():
            module = (
                VectorQuantize(128, len(codebook), use_cosine_sim=cosine, rotation_trick=False).train().to(x.device)
            )
            contenders[f"vector-quantize-pytorch, training forward, {name}"] = partial(module, x[None])
    else:
        console.print("vector-quantize-pytorch is not installed; pip install 'graphdistill[bench]' to compare with it")
    compare(f"nearest of {len(codebook):,} codes to {len(x):,} x 128", contenders, bench)
    one_hot = F.one_hot(code, len(codebook)).float().T
    compare(
        "counts and sums of codes",
        {
            "codebook_stats": lambda: codebook_stats(x, code, len(codebook)),
            "bincount, index_add": lambda: (
                torch.bincount(code, minlength=len(codebook)),
                x.new_zeros(codebook.shape).index_add_(0, code, x),
            ),
            "matmul with one-hot (made before)": lambda: (one_hot.sum(dim=1), one_hot @ x),
        },
        bench,
    )
    if x.is_cuda:
        return
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        above = pool.apply(_memory, (bench,))
    console.print(f"nearest_code: {above / 1e6:.0f} MB above inputs and outputs, in a process of its own")


def _codes(bench: Bench) -> tuple[Tensor, Tensor]:
    draw = generator(bench.seed, "codes")
    sizes = int(20_000 * bench.scale), int(8_192 * bench.scale)
    x, codebook = torch.randn(sizes[0], 128, generator=draw), torch.randn(sizes[1], 128, generator=draw)
    return to_device((x, codebook), bench.torch_device)


def _memory(bench: Bench) -> int:
    """Peak resident bytes of a call, without its results."""
    torch.set_num_threads(1)
    x, codebook = _codes(bench)
    nearest_code(x[:8], codebook[:8])
    before = _resident("VmRSS")
    out = nearest_code(x, codebook)
    return _resident("VmHWM") - before - sum(t.nbytes for t in out)


def _resident(name: str) -> int:
    """Resident memory of this process in bytes by Linux: current (VmRSS) or peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def compare(title: str, calls: dict[str, Call], bench: Bench) -> None:
    """Time calls in interleaved rounds and print each with its ratio to the first."""
    best, device = dict.fromkeys(calls, float("inf")), bench.torch_device
    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    for round_ in range(bench.rounds + 1):
        for name, call in calls.items():
            synchronize(device)
            start = clock()
            call()
            synchronize(device)
            if round_:  # the first round warms up
                best[name] = min(best[name], clock() - start)
    ours = next(iter(best.values()))
    table = Table("", "ms", "over ours", title=title, title_justify="left")
    for name, seconds in best.items():
        table.add_row(name, f"{seconds * 1e3:.{1 if device.type == 'cpu' else 3}f}", f"{seconds / ours:.2f}x")
    console.print(table)
