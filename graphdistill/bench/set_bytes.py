"""Score and coded bytes of a condensed set by its bits, and of random real data in as many bytes as the chosen bits."""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

import rich.console
from rich.table import Table

from graphdistill.bench.options import CondenseBench as Bench
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.distill import distill_condense
from graphdistill.core.command.report import Row
from graphdistill.core.evaluation.precision import best_random_sets, in_fewest_bits, valid_scores
from graphdistill.core.evaluation.rows import train_rows
from graphdistill.core.randomness import generator
from graphdistill.core.sets.quantized import FULL, Precision
from graphdistill.datasets import load

METHOD = {"images": "dm", "nodes": "gcondx", "rows": "ridge"}
"""Method by kind of data."""

console = rich.console.Console(width=120)


def set_bytes(bench: Bench, name: str, per_class: int) -> None:
    """Sets of one data set in full precision, in the bits that validation chooses, and in each number of bits."""
    data: Any = load(name, bench.root)
    protocol = protocol_of(data, trainings=bench.trainings, device=bench.torch_device)
    kind = training_data_of(protocol).KIND
    if kind not in METHOD:
        console.print(f"{name} holds {kind}, which are coded without loss")
        return
    for method in bench.methods or (METHOD[kind],):
        config = CondenseConfig(method=method, per_class=per_class, bits="full")
        sets = [
            distill_condense(data, config, generator=generator(seed, "condense"), protocol=protocol)
            for seed in range(bench.seeds)
        ]
        score = partial(valid_scores, protocol)
        chosen = [in_fewest_bits(synthetic, score, config.tolerance) for synthetic in sets]
        budget = max(synthetic.nbytes for synthetic in chosen)
        first = Precision.from_meta(max(chosen, key=lambda synthetic: synthetic.nbytes))
        drawn, best = best_random_sets(protocol, budget, bench.seeds, first)
        table = Table(title=f"{name}, {per_class} of each class: {bench.seeds} sets x {bench.trainings} trainings")
        for column in ("set", "bits", "validation", "test", "bytes", "entries"):
            table.add_column(column, justify="left" if column in ("set", "bits") else "right")

        def show(what: str, bits: str, sets: Any, table: Table = table) -> None:
            (row,) = train_rows(protocol, what, sets)
            cells = cells_of(row)
            table.add_row(what, bits, *cells)
            console.print(f"{name}, {per_class} a class, {what}, {bits}: {', '.join(cells)}")

        random = f"random {protocol.UNIT}, equal bytes"
        show(method, "full", sets)
        show(method, "chosen: " + "; ".join(dict.fromkeys(str(Precision.from_meta(s)) for s in chosen)), chosen)
        show(random, f"chosen: {best}", drawn)
        show(random, "full", protocol.random_sets(budget, bench.seeds, FULL))
        for bits in bench.bits:
            show(method, f"{bits}", [Precision(bits).of(synthetic) for synthetic in sets])
            show(random, f"{bits}", protocol.random_sets(budget, bench.seeds, Precision(bits)))
        console.print(table)


def cells_of(row: Row) -> list[str]:
    """Validation, test, bytes and entries of a row."""
    valid = f"{statistics.fmean(row.valid):.3f}"
    return [valid, f"{row.mean:.3f} ± {row.std:.3f}", f"{row.nbytes:,}", f"{row.entries:,}"]
