"""Benchmark of the codec of arrays: bytes of images, distilled images, features of nodes and tables, and speed.

Images are random training images, sorted by class for every contender. WebP is lossless, with all images in one; PNG is
one file for each image and one file of all. A circuit is learnt from the images that it codes, and its bytes count.
"""

from __future__ import annotations

import lzma
import time

import rich.console
import torch
from rich.table import Table
from sklearn.datasets import load_breast_cancer, load_wine
from torch import Tensor

from graphdistill.bench.circuits import image_file, plain_bytes
from graphdistill.bench.options import ArraysBench as Bench
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.distill import distill_condense
from graphdistill.core.codec import chow_liu_circuit, decode_array, encode_array
from graphdistill.core.command.report import versions
from graphdistill.core.data.datasets import ImageDataset, NodeDataset
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import generator
from graphdistill.datasets import load

console = rich.console.Console(width=120)
COLUMNS = (
    "codec",
    "raw",
    "xz",
    "PNG, each",
    "PNG, all",
    "WebP, all",
    "circuit",
    "encode, values/s",
    "decode, values/s",
)


def main(bench: Bench) -> None:
    """Run the selected parts on one thread."""
    with one_thread():
        console.print(" ".join(f"{name} {version}" for name, version in versions().items()))
        encode_array(torch.arange(5))  # compiles what is not compiled yet
        for part in bench.parts:
            {"images": images, "distilled": distilled, "rows": rows}[part](bench)


def images(bench: Bench) -> None:
    """Random training images of each data set."""
    for name in bench.datasets:
        data = _images(name, bench)
        table = _table(f"bytes of training images of {name}")
        order = data.train[torch.randperm(len(data.train), generator=generator(0, "arrays", name))]
        sizes = sorted({min(size, len(order)) for size in bench.sizes})
        for size in sizes:
            index = order[:size]
            index = index[data.y[index].argsort(stable=True)]
            add_images(table, f"{size:,}", as_bytes(data)[index])
        console.print(table)


def distilled(bench: Bench) -> None:
    """Images of distribution matching from noise and from real images, in bytes as sets store them."""
    for name in bench.datasets[:2]:
        data = _images(name, bench)
        table = _table(f"bytes of distilled images of {name}, {bench.steps} steps")
        for per_class in (1, 10):
            config = CondenseConfig(method="dm", per_class=per_class, steps=bench.steps, checks=1, bits="full")
            learnt = distill_condense(data, config).data
            assert isinstance(learnt, Tensor)
            add_images(table, f"{len(learnt)}", (learnt.clamp(0, 1) * 255).round().to(torch.uint8))
        console.print(table)


def rows(bench: Bench) -> None:
    """Features of nodes as they are and propagated, and tables of floats."""
    table = _table("bytes of rows")
    data = load("planetoid-cora", bench.root)
    assert isinstance(data, NodeDataset)
    propagated = NodeProtocol(data).propagated
    for size in (10, 140, len(data.x)):
        add_rows(table, f"planetoid-cora, {size:,} nodes", data.x[:size].half())
    for size in (10, 140):
        add_rows(table, f"propagated, {size} nodes", propagated[:size].half())
    for name, read in (("wine", load_wine), ("breast cancer", load_breast_cancer)):
        x = torch.tensor(read().data).float()
        for size in (50, len(x)):
            add_rows(table, f"{name}, {size} rows", x[:size])
    normal = torch.randn(500, 32, generator=generator(0, "arrays", "normal"))
    add_rows(table, "500 normal rows of 16 bits", normal.half())
    add_rows(table, "500 normal rows of 32 bits", normal)
    console.print(table)


def add_images(table: Table, what: str, values: Tensor) -> None:
    """A row of images, uint8 ``[n, C, H, W]``."""
    plain = plain_bytes(values)
    each = sum(image_file(image.movedim(0, -1), "PNG", optimize=True) for image in values)
    circuit = ""
    if values.shape[1] == 1 and len(values) <= 500:
        gray, level = values.flatten(1).long().unique(return_inverse=True)
        learnt = chow_liu_circuit(level, num_values=len(gray))
        circuit = f"{learnt.nbytes + len(learnt.encode(level)):,}"
    add_rows(table, what, values, each, plain["PNG, in a grid"], plain["WebP, in a grid"], circuit)


def add_rows(table: Table, what: str, values: Tensor, *others: int | str) -> None:
    """A row of any array; ``others`` are the columns of images.

    Raises:
        ArithmeticError: the decoded array is another one.
    """
    start = time.process_time()
    stream = encode_array(values)
    middle = time.process_time()
    back = decode_array(stream, limit=values.numel())
    end = time.process_time()
    raw = values.numpy().tobytes()
    if back.dtype != values.dtype or back.shape != values.shape or back.numpy().tobytes() != raw:
        raise ArithmeticError(f"{what}: the decoded array is not the one that was coded")
    xz = len(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME))
    shown = [f"{other:,}" if isinstance(other, int) else other for other in others] or [""] * 4
    speeds = (f"{values.numel() / max(seconds, 1e-4):,.0f}" for seconds in (middle - start, end - middle))
    table.add_row(what, f"{len(stream):,}", f"{len(raw):,}", f"{xz:,}", *shown, *speeds)


def as_bytes(data: ImageDataset) -> Tensor:
    """Images as uint8: the 17 grays of digits from 0 to 16, others from 0 to 255."""
    return (data.images * (16 if data.name == "digits" else 255)).round().to(torch.uint8)


def _images(name: str, bench: Bench) -> ImageDataset:
    data = load(name, bench.root)
    if not isinstance(data, ImageDataset):
        raise ValueError(f"--datasets {name} does not hold images; choose digits, mnist5k or a file of images")
    return data


def _table(title: str) -> Table:
    table = Table("", title=title, title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    return table
