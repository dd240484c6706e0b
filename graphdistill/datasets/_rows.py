"""Tables of labelled rows: numbers and categories in columns, a column of labels and, if named, one of groups."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.data.checks import fractional
from graphdistill.core.data.datasets import TableDataset, TaskName
from graphdistill.core.data.tensors import NUM_QUANTILES, quantile_strata
from graphdistill.datasets._columns import encode_columns, is_missing, numbers_of
from graphdistill.datasets._csv import refusal
from graphdistill.datasets._splits import stratified
from graphdistill.datasets._tables import Table
from graphdistill.datasets._text import shown

MAX_CLASSES = 100
"""Most classes of a column; more different values are targets or ids."""
MAX_GROUPS = 20
"""Most groups of a column; more different values are numbers, such as an age, whose ranges are the groups."""


def load_rows(
    path: Path, table: Table, label: str, group: str | None, task: TaskName | None, skip_invalid: bool, seed: int
) -> TableDataset:
    """The rows of a file, split 80/10/10 by class and group; those without a label or group are reported or left out.

    Args:
        path: path of the file.
        table: what :func:`~graphdistill.datasets._tables.read_table` found in it.
        label: column of classes or targets.
        group: column of groups.
        task: classes or targets. (``None``: targets if most labels have a fraction)
        skip_invalid: leave out rows without a label or group.
        seed: seed of the split.

    Raises:
        ValueError: a column is unknown or twice there, or its values cannot be used.
    """
    head, rows, lines = table
    named = {"label": label} if group is None else {"label": label, "group": group}
    for argument, column in named.items():
        if column not in head:
            raise ValueError(f"{argument}={column!r} is not a column of {path}; it has {_shown_head(head)}")
    twice = next((column for column in head if column and head.count(column) > 1), None)
    if twice is not None:
        raise ValueError(f"{path} has two columns with the name {twice!r}; rename one of them")
    if label == group:
        raise ValueError(f"group={group!r} is the label, too; name another column, or leave group out")
    wrong = {
        number: f"{column} is empty"
        for column in reversed(named.values())
        for number, row in enumerate(rows)
        if is_missing(row[column])
    }
    if wrong and not (skip_invalid and len(wrong) < len(rows)):
        raise ValueError(refusal(path, lines, wrong))
    kept = [number for number in range(len(rows)) if number not in wrong]
    columns = {column: [rows[number][column] for number in kept] for column in head if column}
    skipped = f", {len(wrong)} of {len(rows)} rows skipped as invalid" * bool(wrong)
    unnamed = ("an unnamed column",) if "" in head else ()
    return table_of(
        path.name, columns, label, group, seed, task, path.name + skipped, str(path), [lines[i] for i in kept], unnamed
    )


def table_of(
    name: str,
    columns: Mapping[str, Sequence[str]],
    label: str,
    group: str | None,
    seed: int,
    task: TaskName | None = None,
    notes: str = "",
    where: str = "",
    lines: Sequence[int] | None = None,
    left_out: Sequence[str] = (),
) -> TableDataset:
    """Rows of columns of text; the columns of labels and groups are no features.

    Args:
        name: name of the data set, which its split depends on.
        columns: stripped cells of each column.
        label: column of classes or targets.
        group: column of groups.
        seed: seed of the split.
        task: classes or targets. (default: targets if most labels have a fraction)
        notes: where the rows are from.
        where: name of the table in errors. (default: the name)
        lines: line of each row, for errors. (default: from 1)
        left_out: columns that are left out already, for the notes.

    Raises:
        ValueError: labels or groups are constant or too many, or as of
            :func:`~graphdistill.datasets._columns.encode_columns`.

    Example:
        >>> pay, sex = ["low", "high"] * 20, ["f", "f", "m", "m"] * 10
        >>> data = table_of("pay", {"age": [str(i) for i in range(40)], "pay": pay, "sex": sex}, "pay", "sex", seed=0)
        >>> data.columns, data.classes, data.groups, len(data.train)
        (('age',), ('high', 'low'), ('f', 'm'), 32)
    """
    where, lines = where or name, lines or range(1, len(columns[label]) + 1)
    y, classes = _labels(columns[label], label, task, lines, where)
    codes, groups = (None, ()) if group is None else _codes(columns[group], "group", group, MAX_GROUPS, where)
    # A quantile of fewer than ten rows would give none to the validation split.
    strata = y if y.dim() == 1 else quantile_strata(y, max(1, min(NUM_QUANTILES, len(y) // 10)))
    if codes is not None:
        strata = strata * len(groups) + codes
    train, valid, test = stratified(strata, seed, name)
    features = {column: cells for column, cells in columns.items() if column not in (label, group)}
    x, names, constant = encode_columns(features, train, lines, where)
    facts = [
        notes,
        f"stratified 80/10/10 split of seed {seed}",
        *([f"classes: {shown(classes)}"] if classes else []),
        *([f"groups of {group}: {shown(groups)}"] if groups else []),
        *([f"left out: {', '.join([*left_out, *constant])}"] if left_out or constant else []),
    ]
    return TableDataset(
        name=name,
        x=x,
        y=y,
        train=train,
        valid=valid,
        test=test,
        columns=names,
        classes=classes,
        group=codes,
        groups=groups,
        lines=_csv_lines([*features.values(), columns[label]]),
        notes="; ".join(filter(None, facts)),
    )


def _labels(
    cells: Sequence[str], label: str, task: TaskName | None, lines: Sequence[int], where: str
) -> tuple[Tensor, tuple[str, ...]]:
    """Classes, long ``[n]``, and their names; or targets, float ``[n, 1]``, and none."""
    values = numbers_of(cells)
    if task is None and values is not None and fractional(torch.from_numpy(values)):
        task = "regression"
    if task != "regression":
        return _codes(cells, "label", label, MAX_CLASSES, where)
    for cell, line in zip(cells, lines, strict=True):
        if values is None or not np.isfinite(values).all():
            found = numbers_of([cell])
            if found is None or not np.isfinite(found).all():
                raise ValueError(f"{where} line {line}: {label} is {cell!r}; targets are finite numbers")
    assert values is not None
    if values.min() == values.max():
        raise ValueError(
            f"label={label!r} of {where} is {cells[0]} in every row; name a column with two or more values"
        )
    return torch.from_numpy(values).float()[:, None], ()


def _codes(cells: Sequence[str], argument: str, column: str, most: int, where: str) -> tuple[Tensor, tuple[str, ...]]:
    """The number of each cell's value, long ``[n]``, and the values in their order: of numbers or of the alphabet."""
    values = numbers_of(cells)
    if values is not None and np.isfinite(values).all() and (values == np.floor(values)).all():
        cells = [str(int(value)) for value in values]  # 1 and 1.0 are one class
        found = sorted({*cells}, key=int)
    else:
        found = sorted({*cells})
    if len(found) < 2:
        raise ValueError(
            f"{argument}={column!r} of {where} is {found[0]!r} in every row; name a column with two or more values"
        )
    if len(found) > most:
        way = "give --task regression (in Python task='regression')" if argument == "label" else "write ranges of them"
        raise ValueError(
            f"{argument}={column!r} of {where} holds {len(found)} different values in {len(cells)} rows, more than "
            f"{most}; if they are numbers, {way}, or name another column"
        )
    number = {value: code for code, value in enumerate(found)}
    return torch.tensor([number[cell] for cell in cells]), tuple(found)


def _csv_lines(columns: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Rows of cells as lines of CSV, with quotes where a cell needs them."""
    lines = list[str]()
    file: Any = SimpleNamespace(write=lines.append)
    csv.writer(file, lineterminator="").writerows(zip(*columns, strict=True))
    return tuple(lines)


def _shown_head(head: Sequence[str]) -> str:
    """Names of the columns, and what to do if another sign than a comma is between them."""
    other = next((sign for sign in (";", "\t", "|") if len(head) == 1 and sign in head[0]), None)
    advice = "" if other is None else f"; put commas between columns, where there is {other!r}"
    return ", ".join(head) + " (its first line)" + advice
