"""Benchmark of lossless compression by circuits: bits a pixel of images that no circuit was learnt from, and speed.

Circuits are learnt from the training images of a set, and the best pass is chosen on its validation images. Bits are
those of whole streams with their header; the bytes of the circuit, which a reader needs once, stand in a column of
their own. PNG and WebP get all images as one large one, which suits them better than one file for each.
"""

from __future__ import annotations

import io
import lzma
import math
import time
import zlib
from collections.abc import Callable

import rich.console
import torch
from PIL import Image
from rich.table import Table
from torch import Tensor

from graphdistill.bench.options import CircuitsBench as Bench
from graphdistill.core.codec.circuit import Circuit, chow_liu_circuit, fit_circuit
from graphdistill.core.codec.hidden_chow_liu import CircuitConfig
from graphdistill.core.command.report import versions
from graphdistill.core.data.datasets import ImageDataset
from graphdistill.core.parallel import one_thread
from graphdistill.datasets import load

console = rich.console.Console(width=110)


def main(bench: Bench) -> None:
    """Compare on each data set, on one thread."""
    with one_thread():
        console.print(" ".join(f"{name} {version}" for name, version in versions().items()))
        for name in bench.datasets:
            data = load(name, bench.root)
            if not isinstance(data, ImageDataset) or data.images.shape[1] != 1:
                raise ValueError(f"--datasets {name} does not hold gray images; choose digits or digits/mnist")
            compare(data, bench)


def compare(data: ImageDataset, bench: Bench) -> None:
    """Print bits a pixel of the test images for every contender."""
    x = (data.images[:, 0] * 255).round().long()
    # Images of few grays, such as the 17 of digits, are numbered without gaps.
    gray, x = x.unique(return_inverse=True)
    train, valid, test = (x[index].flatten(1) for index in (data.train, data.valid, data.test[: bench.images]))
    config, num_values = CircuitConfig(states=bench.states, epochs=bench.epochs), len(gray)
    circuits: dict[str, Callable[[], Circuit]] = {
        "Chow-Liu tree": lambda: chow_liu_circuit(train, num_values=num_values),
        "hidden Chow-Liu tree": lambda: fit_circuit(train, config, num_values=num_values, valid=valid),
    }
    title = f"{len(test):,} test images of {data.name}, {len(train):,} learnt from"
    columns = ("bits a pixel", "model, kB", "learning, s", "encode, images/s", "decode, images/s")
    table = Table("", *columns, title=title, title_justify="left")
    for name, learn in circuits.items():
        start = time.process_time()
        circuit = learn()
        learnt = time.process_time() - start
        circuit.encode(test[:1])  # compiles what is not compiled yet
        start = time.process_time()
        stream = circuit.encode(test)
        middle = time.process_time()
        if not torch.equal(circuit.decode(stream), test):
            raise ArithmeticError(f"{name}: the decoded images are not those that were coded")
        speeds = (len(test) / (middle - start), len(test) / (time.process_time() - middle))
        bits = len(stream) * 8 / test.numel()
        table.add_row(
            name, f"{bits:.3f}", f"{circuit.nbytes / 1000:.1f}", f"{learnt:.1f}", *(f"{s:,.0f}" for s in speeds)
        )
    size = data.images.shape[2:]
    for name, count in plain_bytes(test.view(len(test), *size)).items():
        table.add_row(name, f"{count * 8 / test.numel():.3f}")
    console.print(table)


def plain_bytes(images: Tensor) -> dict[str, int]:
    """Bytes of images in formats that everyone has, all images in one file.

    Args:
        images: values from 0 to 255, ``[n, height, width]`` or ``[n, channels, height, width]`` with 1 or 3 channels.
    """
    raw = images.to(torch.uint8)
    raw = (raw[:, None] if images.dim() == 3 else raw).movedim(1, -1).contiguous()
    num, height, width, channels = raw.shape
    across = math.ceil(math.sqrt(num))
    tiles = torch.zeros(math.ceil(num / across) * across, height, width, channels, dtype=torch.uint8)
    tiles[:num] = raw
    wide = tiles.view(-1, across, height, width, channels).transpose(1, 2).reshape(-1, across * width, channels)
    column = raw.reshape(-1, width, channels)
    return {
        "xz": len(lzma.compress(images.to(torch.uint8).numpy().tobytes(), preset=9 | lzma.PRESET_EXTREME)),
        "zlib": len(zlib.compress(images.to(torch.uint8).numpy().tobytes(), 9)),
        "PNG, in one column": image_file(column, "PNG", optimize=True),
        "PNG, in a grid": image_file(wide, "PNG", optimize=True),
        "WebP, in a grid": image_file(wide, "WEBP", lossless=True, quality=100, method=6),
    }


def image_file(image: Tensor, kind: str, **options: object) -> int:
    """Bytes of an image file of uint8 ``[height, width, channels]``."""
    file = io.BytesIO()
    Image.fromarray(image.squeeze(-1).contiguous().numpy()).save(file, kind, **options)
    return len(file.getvalue())
