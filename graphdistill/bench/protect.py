"""Protection of images: clean test accuracy of networks trained on original and on protected images, several keys.

Every key has a split of its own, so that the spread is that over keys and splits.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import rich.console
import torch
from rich.table import Table

from graphdistill.bench.options import ProtectBench as Bench
from graphdistill.core.command.progress import NO_PROGRESS
from graphdistill.core.command.report import Row, versions
from graphdistill.core.evaluation.paired import Paired
from graphdistill.datasets import load
from graphdistill.protect.command import protocol_of, psnr
from graphdistill.protect.config import Command
from graphdistill.protect.evaluate import fall, score_rows, shared_secret, treatments
from graphdistill.protect.methods.class_filters import Config, side
from graphdistill.protect.protection import hide, protect
from graphdistill.protect.verification import verify_protection

console = rich.console.Console(width=120)


def main(bench: Bench) -> None:
    """All data sets and sizes of filters."""
    console.print({**versions(), "threads": torch.get_num_threads()})
    for name in bench.datasets:
        for size in bench.filter_sizes or (None,):
            measure(bench, name, Config(filter_size=size, blur=bench.blur))


def measure(bench: Bench, name: str, config: Config) -> None:
    """All rows of one data set with filters of one size, and how surely keys are distinguished."""
    start = time.perf_counter()
    command = Command(defences=bench.defences, trainings=1, steps=bench.steps, jobs=1, device=bench.device)
    ways = treatments(command, config)
    rows: dict[tuple[str, str | None], Row] = {}
    noise, same, others = list[float](), list[float](), list[float]()
    for seed in range(bench.first_key, bench.first_key + bench.keys):
        data: Any = load(name, bench.root, seed=seed)
        key = f"key of the bench {seed}"
        made = score_rows(
            protocol_of(data, command, NO_PROGRESS), hide(data, key, config), ways, shared_secret(data, key, config)
        )
        for row in made:
            before = rows.get((row.name, row.group))
            rows[row.name, row.group] = (
                row if before is None else replace(before, test=before.test + row.test, valid=())
            )
        protected = protect(data, key, config)
        found = verify_protection(data, protected, key)
        noise.append(psnr(data, protected))
        same.append(found.same)
        others += found.others
        console.print(f"{name}, key {seed}: {time.perf_counter() - start:.0f} s since the start")
    k = side(config, data.images.shape[2:])
    size = f"{k} x {k}, blur {config.blur:g}"
    show(
        f"{name}, filters of {size}, accuracy on clean test images in %, {bench.keys} keys",
        list(rows.values()),
        list(ways),
    )
    console.print(
        f"noise ratio {statistics.fmean(noise):.1f} dB; images that the key reproduces to the bit "
        f"{statistics.fmean(same):.3f}; correlation with those of other keys {statistics.fmean(others):.3f}, at most "
        f"{max(others):.3f}"
    )


def show(title: str, rows: Sequence[Row], ways: Sequence[str]) -> None:
    """Print accuracies of every row by network, and what each way of training loses by the protection."""
    networks = list(dict.fromkeys(row.group for row in rows if row.group is not None))
    table = Table(title=title, title_justify="left")
    for column in ("trained on", *networks):
        table.add_column(column, justify="left" if column == "trained on" else "right")
    for name in dict.fromkeys(row.name for row in rows):
        of = {row.group: row for row in rows if row.name == name}
        if None in of:
            table.add_row(f"{name}: {_percent(of[None])}", *[""] * len(networks))
        else:
            table.add_row(name, *[_percent(of[network]) for network in networks])
    for way in ways:
        table.add_row(f"points lost, {way}", *[_points(found) for found in fall(rows, way).values()])
    console.print(table)


def _points(found: Paired) -> str:
    return f"{100 * found.mean:+.1f} ± {100 * found.error:.1f}"


def _percent(row: Row) -> str:
    return f"{100 * row.mean:.1f} ± {100 * row.std:.1f}"
