"""Reports of commands: rows in a table, in results.json and in results.csv."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import rich.box
import rich.console
from rich.table import Table
from rich.text import Text

from graphdistill import __version__
from graphdistill.core.command.output import check_writable as check_writable
from graphdistill.core.command.output import publish as publish
from graphdistill.core.command.output import write_text
from graphdistill.core.command.paths import expanded
from graphdistill.core.data.datasets import REGRESSION


@dataclass(frozen=True, kw_only=True)
class Row:
    """Scores of one set or baseline in one group, over several seeds.

    Attributes:
        name: the set or the baseline, such as ``distilled set`` or ``random graphs, equal bytes``.
        group: the network, client or column that the row belongs to; ``None`` for a scorer that belongs to none.
        test: test metric, one number per seed.
        valid: validation metric, one number per seed (default: nothing was selected on validation).
        others: test scores by further metrics, by their name, one number per seed (default: there are none).
        nbytes: payload of the set in bytes (default: it has none).
        entries: number of graphs, nodes or images in the set (default: it has none).
        distill_seconds: seconds of making the set (default: nothing was made).
        train_seconds: seconds of training on the set, the mean over seeds (default: nothing was trained).

    Raises:
        ValueError: ``test`` is empty, or ``valid`` has another number of seeds.

    Example:
        >>> row = Row(name="all data", group="GIN", test=(0.70, 0.72), entries=9)
        >>> round(row.mean, 3), round(row.std, 3)
        (0.71, 0.014)
    """

    name: str
    group: str | None
    test: tuple[float, ...]
    valid: tuple[float, ...] = ()
    others: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    nbytes: int | None = None
    entries: int | None = None
    distill_seconds: float | None = None
    train_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.test:
            raise ValueError(f"row {self.name!r}: test is empty; give one number per seed")
        if self.valid and len(self.valid) != len(self.test):
            raise ValueError(
                f"row {self.name!r}: valid has {len(self.valid)} seeds and test has {len(self.test)}; "
                "give as many, or leave valid empty"
            )

    @property
    def mean(self) -> float:
        """Mean test metric over seeds."""
        return statistics.fmean(self.test)

    @property
    def std(self) -> float:
        """Sample standard deviation of the test metric over seeds; 0 for a single seed."""
        return _std(self.test)


def rows_of(name: str, test: Mapping[str, Sequence[float]], **shared: Any) -> list[Row]:
    """A row for each group, such as each network, client or column.

    Args:
        name: name of the rows.
        test: test metric by group, one number per seed.
        shared: attributes that are the same in all rows.

    Example:
        >>> [(row.group, row.test) for row in rows_of("untrained network", {"GCN": [0.5], "GIN": [0.4]})]
        [('GCN', (0.5,)), ('GIN', (0.4,))]
    """
    return [Row(name=name, group=group, test=tuple(values), **shared) for group, values in test.items()]


@dataclass(frozen=True, kw_only=True)
class Report:
    """All rows of one evaluation, and the facts about how they were made.

    Attributes:
        title: what was distilled, in a few words.
        metric: name of the metric.
        rows: one for each set and group.
        facts: config, seeds, peak memory and so on; with ``training_bytes`` the table shows sizes as shares of it.
        notes: sentences shown under the table.
        unit: what the entries of a set are, such as ``graphs``; the heading of their number.

    Raises:
        ValueError: two rows have the same name and group.
    """

    title: str
    metric: str
    rows: tuple[Row, ...]
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unit: str = "graphs"

    def __post_init__(self) -> None:
        keys = [(row.name, row.group) for row in self.rows]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"two rows are named {key[0]!r} in group {key[1]}; give each its own name")


def table(report: Report) -> Table:
    r"""One line per set: its size, the test metric of each group, the average of it and of others, and the seconds.

    Example:
        >>> row = Row(name="all the data", group="GIN", test=(0.7,), valid=(0.8,), nbytes=900, entries=3)
        >>> [c.header for c in table(Report(title="demo", metric="rocauc", rows=(row,))).columns]
        ['set', 'graphs', 'bytes', 'GIN', 'average', 'distil\ns', 'train\ns']
    """
    groups = list(dict.fromkeys(row.group for row in report.rows if row.group is not None))
    shown = frame(report)
    shown.padding = 0
    shown.add_column("set")
    for header in (report.unit, "bytes", *groups):
        shown.add_column(header, justify="right")
    shown.add_column("average", justify="right", style="bold")
    others = list(dict.fromkeys(metric for row in report.rows for metric in row.others))
    for metric in others:
        shown.add_column(metric, justify="right")
    for header in ("distil\ns", "train\ns"):
        shown.add_column(header, justify="right")
    for name in dict.fromkeys(row.name for row in report.rows):
        rows = [row for row in report.rows if row.name == name]
        of = {row.group: row for row in rows}
        shown.add_row(
            Text(name),
            _first(rows, "entries", lambda n: f"{n:,}"),
            _first(rows, "nbytes", lambda n: _bytes(n, report.facts.get("training_bytes"))),
            *[_score(of[g].test) if g in of else "" for g in groups],
            _average([row.test for row in rows]),
            *[_average([row.others[metric] for row in rows if metric in row.others]) for metric in others],
            _first(rows, "distill_seconds", _seconds),
            _total(rows),
        )
    return shown


def frame(report: Report, suffix: str = "", over: str = "") -> Table:
    """An empty table with the report's title above and a caption below: the meaning of the numbers, and the notes.

    Example:
        >>> row = Row(name="all the data", group="GIN", test=(0.7,), valid=(0.8,), nbytes=900, entries=3)
        >>> str(frame(Report(title="demo", metric="accuracy", rows=(row,)), suffix="in %").caption)
        'test accuracy in %, mean ± standard deviation over 1 seed'
    """
    what = f"test {report.metric} {suffix}".strip() + ", lower is better" * (report.metric in REGRESSION)
    caption = [f"{what}, mean ± standard deviation over {over or _seeds(report.rows)}", *report.notes]
    return Table(
        title=Text(report.title),
        caption=Text("\n".join(caption)),
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )


def spread(values: Sequence[float]) -> str:
    r"""Mean and standard deviation over seeds, on two lines so that a table fits into 80 columns; empty if one is NaN.

    Example:
        >>> spread((0.5, 0.75))
        '0.625\n±0.177'
    """
    if any(map(math.isnan, values)):
        return ""
    return f"{statistics.fmean(values):.3f}" + (f"\n±{statistics.stdev(values):.3f}" if len(values) > 1 else "")


def mean_and_deviation(values: Sequence[float], digits: int = 3) -> str:
    """Mean and standard deviation over seeds in one line; of a single value the value alone.

    Example:
        >>> mean_and_deviation((0.5, 0.75)), mean_and_deviation((0.5,), digits=1)
        ('0.625 ± 0.177', '0.5')
    """
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{deviation}"


def shown_seconds(row: Row) -> str:
    """Seconds of training of a row, empty where nothing was trained.

    Example:
        >>> shown_seconds(Row(name="labels", group=None, test=(0.5,), train_seconds=1.26))
        '1.3'
    """
    return "" if row.train_seconds is None else f"{row.train_seconds:.1f}"


def _std(values: tuple[float, ...]) -> float:
    # statistics.stdev of Python 3.11 fails on NaN, and ROC-AUC is NaN if a split lacks a class.
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _seeds(rows: tuple[Row, ...]) -> str:
    counts = sorted({len(row.test) for row in rows if row.group is not None} or {len(r.test) for r in rows})
    words = " to ".join(dict.fromkeys(map(str, counts[:1] + counts[-1:])))
    return f"{words or 0} seed{'' if words == '1' else 's'}"


def _score(values: tuple[float, ...]) -> str:
    # On two lines, so that four networks and a readable name fit into 80 columns.
    spread = f"\n±{_std(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"


def _average(groups: list[tuple[float, ...]]) -> str:
    """Average over groups, seed by seed where all groups have the same seeds; empty without groups."""
    if len({len(scores) for scores in groups}) == 1:
        return _score(tuple(statistics.fmean(seed) for seed in zip(*groups, strict=True)))
    return _score((statistics.fmean(map(statistics.fmean, groups)),)) if groups else ""


def _first(rows: list[Row], name: str, show: Callable[[Any], str]) -> str:
    values = [getattr(row, name) for row in rows if getattr(row, name) is not None]
    return show(values[0]) if values else ""


def _total(rows: list[Row]) -> str:
    """Mean seconds of training over groups."""
    values = [row.train_seconds for row in rows if row.train_seconds is not None]
    return _seconds(statistics.fmean(values)) if values else ""


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _bytes(count: int, whole: object) -> str:
    """``21 kB`` and ``0.35%``: decimal units, and the share of the raw bytes if these are known."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    text = f"{size:.3g} {unit}"
    if isinstance(whole, int | float) and whole > 0:
        text += f"\n{100 * count / whole:.{2 if count < whole else 3}g}%"
    return text


def write_report(report: Report, folder: Path) -> None:
    """Write results.json (everything) and results.csv (a line per row and seed) into ``folder``.

    Absolute paths in the facts are cut to their last part, so that a report can be shared. Each file is written
    atomically.

    Args:
        report: the report.
        folder: output folder; created if it is absent.

    Raises:
        OSError: the folder cannot be written.
    """
    rows = [
        {**dataclasses.asdict(row), "mean": row.mean, "std": row.std, "seeds": len(row.test)} for row in report.rows
    ]
    whole = {
        "title": report.title,
        "metric": report.metric,
        "rows": rows,
        "facts": report.facts,
        "notes": report.notes,
        "unit": report.unit,
        "versions": versions(),
    }
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    head = ("entries", "nbytes", "distill_seconds", "train_seconds")
    others = list(dict.fromkeys(metric for row in report.rows for metric in row.others))
    writer.writerow(["name", "group", "seed", "valid", "test", *others, *head])
    for row in report.rows:
        for seed, test in enumerate(row.test):
            valid = row.valid[seed] if row.valid else None
            more = [row.others[metric][seed] if metric in row.others else None for metric in others]
            writer.writerow([row.name, row.group, seed, valid, test, *more, *[getattr(row, h) for h in head]])
    folder = expanded(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.json", json.dumps(plain(whole), indent=2, allow_nan=False) + "\n")
    write_text(folder / "results.csv", text.getvalue())


def plain(value: object) -> object:
    """A value in the types that JSON has; NaN and infinity become null, absolute paths their last part.

    Example:
        >>> plain({"scores": (0.5, float("nan")), "folder": Path("/home/me/runs")})
        {'scores': [0.5, None], 'folder': 'runs'}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path) or (isinstance(value, str) and Path(value).is_absolute()):
        return Path(value).name if Path(value).is_absolute() else Path(value).as_posix()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return str(value)


def versions() -> dict[str, str]:
    """Versions of the packages that results depend on, and the platform.

    Example:
        >>> list(versions())
        ['graphdistill', 'python', 'torch', 'torch-geometric', 'numpy', 'platform']
    """
    found = {"graphdistill": __version__, "python": platform.python_version()}
    found |= {name: metadata.version(name) for name in ("torch", "torch-geometric", "numpy")}
    return found | {"platform": f"{platform.system()} {platform.machine()}"}


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes; 0 on Windows, where it is unknown.

    Example:
        >>> peak_memory() > 10_000_000
        True
    """
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
