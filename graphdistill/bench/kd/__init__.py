"""Benchmark of knowledge distillation: the claim of each method, and checks of all kinds of data.

A part is a module with ``measure(bench)``, which prints its results and can run alone.
"""

from __future__ import annotations

import importlib

import torch

from graphdistill.bench.kd._tables import console
from graphdistill.bench.options import KDBench as Bench
from graphdistill.core.command.report import versions


def main(bench: Bench) -> None:
    """Run the selected parts."""
    console.print({**versions(), "threads": torch.get_num_threads()})
    for part in bench.parts:
        console.rule(part, align="left")
        importlib.import_module(f"{__name__}.{part.replace('-', '_')}").measure(bench)
