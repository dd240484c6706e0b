"""The teacher store: bytes and seconds at 50,000 classes, memory of the losses, and what k costs a character model.

No language model of 50,000 tokens is at hand, so logits are drawn from a model with the properties that matter: token
frequencies of Zipf and Mandelbrot in a random order, and contexts as a moving point in 32 dimensions, of varying
sharpness. Its perplexity is 25, its most probable token has 0.39, the 50 most probable ones 0.84.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from rich.table import Table
from torch import Tensor

from graphdistill.bench.kd._tables import Scores, console, run_seeds, show
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.data.datasets import TextDataset
from graphdistill.core.digest import digest
from graphdistill.core.networks.transformer import Transformer
from graphdistill.core.randomness import generator, scoped
from graphdistill.datasets import load
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.text import TextView, text_view
from graphdistill.kd.distill import context_of, fit, fit_labels
from graphdistill.kd.losses.kl import KD
from graphdistill.kd.objective import Batch, Objective
from graphdistill.kd.store import TeacherStore

NUM_CLASSES = 50_000
POSITIONS = 1024
SIZES: tuple[tuple[int, float], ...] = ((10, 1.0), (50, 1.0), (100, 1.0), (200, 0.9))
"""Largest number of tokens of a position, and the mass that they cover where so many are enough."""
ROWS = 4096
"""Rows of the losses whose memory is measured."""
WIDTH = 64
"""Hidden values of these rows, and width of the teacher of characters."""
WINDOWS = 1500
"""Training windows of characters."""
TOP = (1, 2, 4, 8, 16, 32)
"""Numbers of characters that a store keeps of a position."""
STEPS = 300


def measure(bench: Bench) -> None:
    """Bytes, seconds, memory and accuracy."""
    measure_bytes()
    measure_memory()
    found = run_seeds(bench, _seed, bench, "text/shakespeare")
    show("text/shakespeare, accuracy of the next character in %, bytes of a position", found, "dense logits")


def zipf_logits(positions: int, seed: int = 0, num_classes: int = NUM_CLASSES) -> Iterator[Tensor]:
    """Logits as a language model has them, 256 positions at a time, float ``[..., num_classes]``."""
    draws = generator(seed, "zipf")
    embedding = torch.randn(num_classes, 32, generator=draws) / 32**0.5
    frequency = -(torch.randperm(num_classes, generator=draws) + 2.7).log()
    place = torch.randn(32, generator=draws)
    for start in range(0, positions, 256):
        points = []
        for _ in range(min(256, positions - start)):
            place = 0.5 * place + 0.75**0.5 * torch.randn(32, generator=draws)
            points.append((2 + 6 * float(torch.rand((), generator=draws))) * place)
        yield torch.stack(points) @ embedding.T + frequency


def measure_bytes(positions: int = POSITIONS, num_classes: int = NUM_CLASSES) -> None:
    """Bytes and seconds of stores of large vocabularies."""
    shown = Table(title=f"{positions} positions of {num_classes} classes", title_justify="left")
    for column in (
        "k",
        "mass",
        "covered",
        "bytes a position",
        "of dense half precision",
        "ms to draw and write",
        "ms to read",
    ):
        shown.add_column(column, justify="right")
    for k, mass in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            store = TeacherStore.write(
                folder,
                zipf_logits(positions, num_classes=num_classes),
                data_digest="zipf",
                num_classes=num_classes,
                k=min(k, num_classes),
                mass=mass,
            )
            wrote = time.process_time()
            covered = 1 - float(store.read(0, positions).rest.mean())
            read = time.process_time()
        size = store.num_bytes / positions
        seconds = (1000 * (wrote - start) / positions, 1000 * (read - wrote) / positions)
        cells = (f"{covered:.3f}", f"{size:.1f}", f"{size / (2 * num_classes):.3%}", *(f"{s:.2f}" for s in seconds))
        shown.add_row(str(k), f"{mass:g}", *cells)
    console.print(shown)


MEMORY = """
import sys
from pathlib import Path
import torch
from graphdistill.kd.losses.vocabulary import VocabularyKD
rows, classes, width = map(int, sys.argv[1:])

def resident(which):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(which))

def run(rows):
    hidden, weight = torch.randn(rows, width), torch.randn(classes, width)
    ids = torch.randint(classes, (rows, 1)) // 2 + torch.arange(50) * (classes // 100)
    parts = hidden.requires_grad_(), weight.requires_grad_()
    probabilities = torch.rand(rows, 51).softmax(dim=1)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    VocabularyKD()(*parts, ids, probabilities[:, :-1], probabilities[:, -1]).mean().backward()
    return resident("VmHWM") - before

run(64)
print(run(rows))
"""


def measure_memory(rows: int = ROWS, num_classes: int = NUM_CLASSES) -> None:
    """Peak memory of loss and gradient, that of the gradient of the output matrix included, in a fresh process."""
    if not Path("/proc/self/clear_refs").exists():
        console.print("memory is measured on Linux alone")
        return
    words = [sys.executable, "-c", MEMORY, str(rows), str(num_classes), str(WIDTH)]
    peak = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    dense, gradient = 4 * rows * num_classes, 4 * num_classes * WIDTH
    console.print(
        f"loss and gradient of {rows} rows over {num_classes} classes: peak of {peak / 1e6:.1f} MB, of which "
        f"{gradient / 1e6:.1f} MB are the gradient of the output matrix; logits of all rows {dense / 1e6:.1f} MB, "
        f"{peak / dense:.1%}"
    )


def _seed(bench: Bench, seed: int) -> Scores:
    """Students on dense logits and on stores of several k, of one teacher of characters."""
    data = load("text/shakespeare", bench.root, seed=seed)
    assert isinstance(data, TextDataset)
    draws = generator(seed, "windows")
    few = [part[torch.randperm(len(part), generator=draws)[:WINDOWS]] for part in (data.train, data.valid, data.test)]
    view = text_view(replace(data, train=few[0], valid=few[1][:300], test=few[2]))
    config = KDConfig(steps=bench.steps or STEPS, batch_size=64, eval_every=max(1, (bench.steps or STEPS) // 4))
    with scoped(seed, "teacher"):
        teacher = _characters(view, WIDTH)
    fit_labels(teacher, view, config, seed=seed)
    key, classes, length = digest(data.tokens[few[0]]), data.num_outputs, view.rows_per_entry
    place = torch.full((len(data.tokens),), -1)
    place[few[0]] = torch.arange(len(few[0]))
    found = {"teacher": {"test": 100 * view.score(teacher, "test")}}
    dense = view.predict(teacher, view.train).logits
    for k in (None, *TOP):
        with scoped(seed, "student"):
            student = _characters(view, WIDTH // 4)
        if k is None:
            targets, size = dense, 2.0 * classes
        else:
            with tempfile.TemporaryDirectory() as folder:
                store = TeacherStore.write(folder, dense.split(4096), data_digest=key, num_classes=classes, k=k)
                targets, size = store.read(0, len(store)).dense(classes), store.num_bytes / len(store)
        context = context_of(student, teacher, view, config, seed=seed, progress=NO_PROGRESS)
        rows = targets.view(len(few[0]), length, classes)

        def loss(batch: Batch, rows: Tensor = rows) -> Tensor:
            return KD()(batch.student.logits, rows[place[batch.index]].flatten(0, 1))

        fit(context, Objective(loss=loss, uses_teacher=False), config)
        scores = {split: 100 * view.score(student, split) for split in ("valid", "test")}
        found["dense logits" if k is None else f"k = {k}"] = {**scores, "bytes": size}
    return found


def _characters(view: TextView, width: int) -> Transformer:
    """A language model of characters."""
    data = view.data
    length = data.tokens.shape[1]
    return Transformer(len(data.vocabulary), length, data.num_outputs, width=width, depth=2, causal=True)
