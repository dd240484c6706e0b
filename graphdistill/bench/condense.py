"""Measure dataset distillation: scores of every method and its baselines, and the reasons for step sizes.

Every part prints as it goes and can run alone, on some data sets and methods only.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from typing import Any

import rich.console
import torch
import torch.nn.functional as F
from rich.table import Table

from graphdistill.bench.expansions import expansions
from graphdistill.bench.fairness import fairness
from graphdistill.bench.large_graphs import large
from graphdistill.bench.options import CondenseBench as Bench
from graphdistill.bench.set_bytes import set_bytes
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.data.learnable import LearnableSet
from graphdistill.condense.data.nodes import TrainingNodes
from graphdistill.condense.distill import distill_condense
from graphdistill.condense.matching.loop import distill
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.matching.unroll import UNROLLS, unrolled
from graphdistill.condense.methods import FAMILY, mtt
from graphdistill.condense.methods.mtt import TrajectoryMatch
from graphdistill.core.command.report import Row, peak_memory, versions
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.evaluation.precision import best_random_sets, in_same_bits
from graphdistill.core.evaluation.protocol import SetProtocol
from graphdistill.core.evaluation.rows import baseline_rows, break_even, rs2_plan, train_plans, train_rows
from graphdistill.core.randomness import generator
from graphdistill.core.sets.quantized import FULL, Precision
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.datasets import load

SIZES = {"digits": (1, 10), "mnist5k": (1, 10)}
"""Entries of each class by data set; other data sets have 10."""
PROBED = {"digits": (10, 50), "mnist5k": (50,)}
"""Unlabelled images in all, by data set."""
EQUAL_NUMBER = "random images, equal number"

console = rich.console.Console(width=120)


def main(bench: Bench) -> None:
    """Run the chosen parts."""
    console.print({**versions(), "threads": torch.get_num_threads()})
    if "methods" in bench.parts:
        for name in bench.datasets:
            for per_class in bench.per_class or SIZES.get(name, (10,)):
                compare(bench, name, per_class)
    if "probe" in bench.parts:
        for name in [name for name in bench.datasets if name in PROBED]:
            for number in bench.per_class or PROBED[name]:
                compare(bench, name, number, unlabelled=True)
    if "bytes" in bench.parts:
        for name in bench.datasets:
            for per_class in bench.per_class or SIZES.get(name, (10,)):
                set_bytes(bench, name, per_class)
    if "units" in bench.parts:
        units(bench)
    if "unroll" in bench.parts:
        unroll(bench)
    if "fair" in bench.parts:
        fairness(bench)
    if "large" in bench.parts:
        large(bench)
    if "expansions" in bench.parts:
        expansions(bench)
    console.print(f"peak memory {peak_memory() / 1e9:.2f} GB")


def compare(bench: Bench, name: str, per_class: int, unlabelled: bool = False) -> None:
    """All methods on one data set, random data in the bytes of the largest set, and a table at the end.

    Args:
        bench: methods, seeds, trainings.
        name: name of the data set.
        per_class: entries of each class, or unlabelled images in all.
        unlabelled: whether images are condensed without labels, and judged by a linear probe. (default: no)
    """
    data: Any = load(name, bench.root)
    protocol = protocol_of(data, unlabelled=unlabelled, trainings=bench.trainings, device=bench.torch_device)
    (full,) = train_rows(protocol, "all the data", [protocol.full()])
    rows, kind, largest, first = list[Row](), training_data_of(protocol).KIND, 0, FULL
    for method in bench.methods or FAMILY.names():
        if kind not in FAMILY.kinds(method):
            continue
        config = CondenseConfig(method=method, per_class=per_class)
        try:
            sets = [
                distill_condense(data, config, generator=generator(seed, "condense"), protocol=protocol)
                for seed in range(bench.seeds)
            ]
        except ValueError as error:
            console.print(f"{name}, {per_class} a class, {method} is refused: {error}")
            continue
        first = Precision.from_meta(max(sets, key=lambda synthetic: synthetic.nbytes))
        largest = max(largest, *(synthetic.nbytes for synthetic in sets))
        seconds = statistics.fmean(float(str(synthetic.meta["seconds"])) for synthetic in sets)
        rows += train_rows(protocol, method, sets, seconds)
        stayed = sum(synthetic.meta.get("chosen_step") == 0 for synthetic in sets)
        unchanged = f", in {stayed} of {len(sets)} sets the first one is best on validation" if stayed else ""
        console.print(f"{name}, {per_class} a class, {method}: {summary(rows[-1])}{unchanged}")
        if method == "random" or unlabelled:
            rows += _baselines(protocol, sets)
    if largest:
        drawn, _ = best_random_sets(protocol, largest, bench.seeds, first)
        rows += train_rows(protocol, f"random {protocol.UNIT}, bytes of the largest set", drawn)
        console.print(f"{name}, {per_class} a class, {rows[-1].name}: {summary(rows[-1])}")
    size = f"{per_class} unlabelled images" if unlabelled else f"{per_class} of each class"
    _show(f"{name}, {size}: {bench.seeds} sets x {bench.trainings} trainings", rows, full)


def _baselines(protocol: SetProtocol[Any], sets: list[SyntheticSet]) -> Iterator[Row]:
    for name, further in protocol.extra_baselines(sets).items():
        if isinstance(protocol, NodeProtocol):
            further = in_same_bits(protocol, further, CondenseConfig.tolerance)
        yield from train_rows(protocol, name, further)
    yield from train_plans(protocol, [rs2_plan(protocol, len(sets[0]), protocol.full())])
    yield from baseline_rows(protocol, sets)


def summary(row: Row) -> str:
    """Scores of a row in one line."""
    valid = f"validation {statistics.fmean(row.valid):.4f}, " if row.valid else ""
    spent = "" if row.distill_seconds is None else f", {row.distill_seconds:.1f} s"
    return f"{valid}test {row.mean:.4f} ± {row.std:.4f}{spent}"


def _show(title: str, rows: list[Row], full: Row) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("method", "validation", "test", "over random", "bytes", "entries", "distil s", "pays after"):
        table.add_column(column, justify="left" if column == "method" else "right", no_wrap=column != "method")
    random = next((row.mean for row in rows if row.name in ("random", EQUAL_NUMBER)), math.nan)
    for row in [*rows, full]:
        after = math.inf if row.distill_seconds is None else break_even(row, full)
        table.add_row(
            row.name,
            f"{statistics.fmean(row.valid):.3f}" if row.valid else "",
            f"{row.mean:.3f} ± {row.std:.3f}",
            f"{row.mean - random:+.3f}",
            "" if row.nbytes is None else f"{row.nbytes:,}",
            "" if row.entries is None else f"{row.entries:,}",
            "" if row.distill_seconds is None else f"{row.distill_seconds:.1f}",
            f"{math.ceil(after):,} trainings" if math.isfinite(after) else "",
        )
    console.print(table)


def units(bench: Bench) -> None:
    """Step sizes on nodes in standard deviations: those of each column against one for all, their root mean square.

    Both begin with the same means of groups; the set of the last step is evaluated, without a choice on validation.
    """
    table = Table(title="steps of Adam, test accuracy of the last set", title_justify="left")
    for column in ("data", "method", "step size", "one size for all columns", "in deviations of each column"):
        table.add_column(column)
    for name in ("planetoid-cora", "citeseer"):
        data = load(name, bench.root)
        assert isinstance(data, NodeDataset)
        protocol = NodeProtocol(data, trainings=bench.trainings, device=bench.torch_device)
        for method in ("gcdm", "gcondx"):
            for lr in (0.01, 0.03, 0.1):
                cells = []
                for same in (True, False):
                    real = TrainingNodes(protocol)
                    if same:
                        real = TrainingNodes(protocol, real.deviation.square().mean().sqrt().expand_as(real.deviation))
                    sets = [_last(real, protocol, method, lr, seed) for seed in range(bench.seeds)]
                    (row,) = train_rows(protocol, method, sets)
                    cells.append(f"{row.mean:.3f} ± {row.std:.3f}")
                table.add_row(name, method, f"{lr:g}", *cells)
                console.print(f"{name}, {method}, step {lr:g}: {cells[0]} with one size, {cells[1]} in deviations")
    console.print(table)


def _last(real: TrainingNodes, protocol: NodeProtocol, method: str, lr: float, seed: int) -> SyntheticSet:
    """The set of the last step, without a choice on validation."""
    checks = iter(range(100))
    module = FAMILY.module(method)
    recipe = module.recipe(MethodContext(real, 10, protocol, seed), module.Config(lr=lr))
    return distill(real, 10, recipe, validate=lambda _: float(next(checks)), generator=generator(seed, "condense"))


def unroll(bench: Bench) -> None:
    """Gradients through the steps of a student on digits, one image a class: the sweep, TESLA and autograd."""
    protocol = protocol_of(load("digits", bench.root), device=bench.torch_device)
    real = training_data_of(protocol)
    recipe = mtt.recipe(MethodContext(real, 1, protocol), mtt.Config())
    match, synthetic = recipe.objective, recipe.start
    assert isinstance(match, TrajectoryMatch)
    assert isinstance(synthetic, LearnableSet)
    table = Table(title="gradient in the images of K student steps", title_justify="left")
    for column in ("step size", "K", "sweep: relative error", "TESLA: cosine", "sweep s", "TESLA s", "unroll s"):
        table.add_column(column, justify="right")
    for lr, steps in ((0.005, 5), (0.005, 40), (0.02, 15), (0.02, 40), (0.05, 15), (0.05, 40)):
        found, seconds = {}, {}
        for how in UNROLLS:
            start = time.perf_counter()
            _, gradient = unrolled(
                lambda number, theta: F.cross_entropy(match.network(theta, synthetic.inputs()), synthetic.labels),
                torch.tensor(lr).log(),
                match.experts[0, 0],
                {steps: match.experts[0, 2]},
                [synthetic.x],
                how,
            )
            (found[how],) = gradient()
            seconds[how] = time.perf_counter() - start
        error = float((found["reverse"] - found["full"]).norm() / found["full"].norm())
        cosine = float(F.cosine_similarity(found["tesla"].flatten(), found["full"].flatten(), dim=0))
        spent = [f"{seconds[how]:.2f}" for how in UNROLLS]
        table.add_row(f"{lr:g}", str(steps), f"{error:.1e}", f"{cosine:.4f}", *spent)
        console.print(f"step {lr:g}, K {steps}: sweep off by {error:.1e}, TESLA's cosine {cosine:.4f}")
    console.print(table)
