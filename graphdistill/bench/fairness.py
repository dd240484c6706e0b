"""Fair rows of tables against real ones: scores on real test rows, and how differently groups are treated there.

Every seed has a split of its own, and of generated tables rows of its own; nothing is chosen on test rows.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import rich.console
import torch
import torch.nn.functional as F
from rich.table import Table

from graphdistill.bench.options import CondenseBench as Bench
from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.distill import distill_condense
from graphdistill.core.command.report import Row
from graphdistill.core.data.datasets import TableDataset
from graphdistill.core.evaluation.rows import baseline_rows, train_rows
from graphdistill.core.evaluation.tables import TableProtocol
from graphdistill.core.randomness import generator
from graphdistill.core.sets.quantized import Precision
from graphdistill.core.training.independence import distance_correlation
from graphdistill.datasets import load
from graphdistill.datasets._rows import table_of

METHODS = ("fair-latent", "random", "herding", "dm", "ridge")
SIZES = (10, 100)
"""Rows of each class."""
SHOWS = 0.05
"""Squared distance correlation with the group from which a column shows it."""

console = rich.console.Console(width=120)


def grouped(name: str, column: str, seed: int) -> TableDataset:
    """A table of scikit-learn whose groups are the halves, or the two values, of a column; targets become halves, too.

    Args:
        name: name of the table.
        column: column of the groups, which is no feature any more.
        seed: seed of the split.

    Example:
        >>> data = grouped("diabetes", "sex", 0)
        >>> len(data.columns), data.group.unique().tolist(), data.num_outputs
        (9, [0, 1], 2)
    """
    data = load(name, seed=seed)
    assert isinstance(data, TableDataset)
    place = data.columns.index(column)
    kept = [i for i in range(len(data.columns)) if i != place]
    return replace(
        data,
        name=f"{name}, groups by {column}",
        x=data.x[:, kept],
        y=_halves(data.y[:, 0], data.train) if data.y.is_floating_point() else data.y,
        columns=tuple(data.columns[i] for i in kept),
        group=_halves(data.x[:, place], data.train),
        lines=None,
    )


def _halves(values: torch.Tensor, train: torch.Tensor) -> torch.Tensor:
    """Which values are above the middle of the training rows' values."""
    seen = values[train]
    two = len(seen.unique()) == 2
    return (values > (seen.mean() if two else seen.median())).long()


def three_groups(seed: int, rows: int = 5000) -> TableDataset:
    """Rows of three groups of 60, 30 and 10 % and of three classes, numbers and categories, with a bias of the classes.

    Args:
        seed: seed of the rows and of their split.
        rows: number of rows. (default: 5000)
    """
    draw = np.random.default_rng(seed)
    group, skill = draw.choice(3, rows, p=(0.6, 0.3, 0.1)), draw.standard_normal((rows, 2))
    bias = np.array([0.3, -0.15, -0.45])[group]
    scores = np.stack([skill[:, 0] + bias, skill[:, 1], -skill.sum(axis=1) / 2 - bias], axis=1)
    label = (scores + 0.3 * draw.gumbel(size=scores.shape)).argmax(axis=1)
    seen = skill + 0.4 * draw.standard_normal((rows, 2))
    level = np.clip(np.round(2 + skill[:, 1] + 0.5 * draw.standard_normal(rows)), 0, 4).astype(int)
    town = np.where(draw.random(rows) < 0.8, group, draw.integers(0, 5, rows))
    cells = {
        "first": [f"{value:.2f}" for value in seen[:, 0]],
        "second": [f"{value:.2f}" for value in seen[:, 1]],
        "income": [f"{value:.2f}" for value in np.exp(0.5 * skill[:, 0] + 0.4 * group + 0.3 * draw.random(rows))],
        "level": [f"level {value}" for value in level],
        "town": [f"town {value}" for value in town],
        "label": [f"class {value}" for value in label],
        "group": [f"group {value}" for value in group],
    }
    return table_of("three-groups", cells, "label", "group", seed)


def _biased(seed: int) -> TableDataset:
    data = load("biased-table", seed=seed)
    assert isinstance(data, TableDataset)
    return data


TABLES: dict[str, Callable[[int], TableDataset]] = {
    "biased-table": _biased,
    "three-groups": three_groups,
    "breast-cancer-texture": partial(grouped, "breast-cancer", "mean texture"),
    "diabetes-sex": partial(grouped, "diabetes", "sex"),
}
"""Tables by name, each a function of the seed."""


def fairness(bench: Bench) -> None:
    """All tables, or those that are named."""
    for name in [name for name in bench.datasets if name in TABLES] or TABLES:
        start, rows = time.perf_counter(), dict[str, Row]()
        for seed in range(bench.seeds):
            for row in _rows(bench, TABLES[name](seed), seed):
                before = rows.get(row.name)
                rows[row.name] = row if before is None else _joined(before, row)
            console.print(f"{name}, seed {seed}: {time.perf_counter() - start:.0f} s since the start")
        _show(f"{name}: {bench.seeds} splits x {bench.trainings} trainings, test rows", list(rows.values()))


def _rows(bench: Bench, data: TableDataset, seed: int) -> Iterator[Row]:
    """All rows of one split."""
    protocol = TableProtocol(data, trainings=bench.trainings, device=bench.torch_device)
    yield from train_rows(protocol, "all the data", [protocol.full()])
    for name, sets in protocol.extra_baselines([]).items():
        yield from train_rows(protocol, name, sets)
    hidden = TableProtocol(without_shown(data), trainings=bench.trainings, device=bench.torch_device)
    yield from train_rows(hidden, "all the data without columns that show the group", [hidden.full()])
    for per_class in bench.per_class or SIZES:
        for method in bench.methods or METHODS:
            try:
                made = distill_condense(
                    data,
                    CondenseConfig(method=method, per_class=per_class),
                    generator=generator(seed, "condense"),
                    protocol=protocol,
                )
            except ValueError as error:
                console.print(f"{data.name}, {per_class} a class, {method} is refused: {error}")
                continue
            seconds = float(str(made.meta["seconds"]))
            yield from train_rows(protocol, f"{method}, {per_class} of each class", [made], seconds)
            if method == "fair-latent":
                same = protocol.within(protocol.random_order(seed), made.nbytes, Precision.from_meta(made))
                yield from train_rows(protocol, f"random rows in the bytes of fair-latent, {per_class}", [same])
                facts = {name: made.meta[name] for name in ("repair", "label_gap", "latent_dependence")}
                sizes = [made.meta[name] for name in ("teacher_parameters", "student_parameters")]
                console.print(f"  {per_class} of each class: {facts}, parameters {sizes}")
    # Of the rows without training the linear model is that of the last set, which no table shows.
    yield from (row for row in baseline_rows(protocol, [made]) if row.name != protocol.linear)


def without_shown(data: TableDataset, most: int = 2000) -> TableDataset:
    """The table without the columns that show the group by themselves: one in the first training rows by correlation.

    Args:
        data: a table with groups.
        most: number of training rows that are compared. (default: 2000)

    Example:
        >>> without_shown(load("biased-table")).columns
        ('exam', 'interview', 'interview missing', 'district=centre', 'siblings')
    """
    assert data.group is not None
    index = data.train[:most]
    hot = F.one_hot(data.group[index]).float()
    shown = [float(distance_correlation(column[:, None], hot)) >= SHOWS for column in data.x[index].T]
    kept = [i for i, shows in enumerate(shown) if not shows] or [0]
    return replace(data, x=data.x[:, kept], columns=tuple(data.columns[i] for i in kept), lines=None)


def _joined(one: Row, other: Row) -> Row:
    """Scores of two splits in one row, with the mean of their bytes in proportion to their number."""
    seen, more = len(one.test), len(other.test)
    others = {name: values + other.others[name] for name, values in one.others.items()}
    nbytes = None
    if one.nbytes is not None and other.nbytes is not None:
        nbytes = round((seen * one.nbytes + more * other.nbytes) / (seen + more))
    return replace(one, test=one.test + other.test, valid=(), others=others, nbytes=nbytes)


def _show(title: str, rows: list[Row]) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("trained on", "score", "less than all", "parity gap", "odds gap", "bytes", "rows", "distil s"):
        table.add_column(column, justify="left" if column == "trained on" else "right")
    full = next(row.mean for row in rows if row.name == "all the data")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.mean:.3f} ± {row.std:.3f}",
            f"{full - row.mean:+.3f}",
            *[
                f"{statistics.fmean(row.others[gap]):.3f} ± {statistics.pstdev(row.others[gap]):.3f}"
                for gap in ("parity gap", "odds gap")
            ],
            "" if row.nbytes is None else f"{row.nbytes:,}",
            "" if row.entries is None else f"{row.entries:,}",
            "" if row.distill_seconds is None else f"{row.distill_seconds:.1f}",
        )
    console.print(table)
