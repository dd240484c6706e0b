"""Columns of a table as numbers: standardised numbers and one-hot categories, both fitted to the training rows alone.

Shape legend: n rows, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.data.checks import MAX_MAGNITUDE

MISSING = ("", "?", "na", "n/a", "nan", "null")
"""Cells that hold no value, in any case."""
MAX_TEXTS = 100
"""Most categories of a column; columns of more texts are names or ids, which nothing is learnt from."""


class Encoded(NamedTuple):
    """Features ``x``, float ``[n, F]``, the name of each, and the columns that are left out, each with its reason."""

    x: Tensor
    names: tuple[str, ...]
    left_out: tuple[str, ...]


def is_missing(cell: str) -> bool:
    """Whether a cell holds no value.

    Example:
        >>> is_missing("N/A"), is_missing("0")
        (True, False)
    """
    return cell.lower() in MISSING


def numbers_of(cells: Sequence[str]) -> np.ndarray | None:
    """The cells as float64 ``[n]`` with NaN for missing ones; ``None`` if one is no number, or all are missing.

    Example:
        >>> numbers_of(["1", "?", "2.5"]).tolist(), numbers_of(["1", "b"])
        ([1.0, nan, 2.5], None)
    """
    missing = [is_missing(cell) for cell in cells]
    # Python reads 1_000 as a number, but in a table that is a code.
    if all(missing) or any("_" in cell for cell in cells):
        return None
    try:
        return np.array([np.nan if out else float(cell) for cell, out in zip(cells, missing, strict=True)])
    except ValueError:
        return None


def encode_columns(columns: Mapping[str, Sequence[str]], train: Tensor, lines: Sequence[int], where: str) -> Encoded:
    """Encode columns of text: those of numbers are standardised, all others are categories.

    A missing number becomes the mean, 0, and if some of the training rows miss it a further feature says so. A missing
    category is a category of its own; one that no training row has is 0 in all of its features. Columns that are
    constant on the training rows are left out.

    Args:
        columns: cells of each column, stripped.
        train: the training rows, long.
        lines: line of each row, for errors.
        where: name of the table, for errors.

    Raises:
        ValueError: a number is not finite or above 1e18, a column holds more than 100 texts, or none is left.

    Example:
        >>> table = {"age": ["20", "40", ""], "job": ["cook", "", "cook"]}
        >>> found = encode_columns(table, torch.arange(3), [2, 3, 4], "a.csv")
        >>> found.names
        ('age', 'age missing', 'job=cook', 'job missing')
        >>> found.x.int().tolist()
        [[-1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0]]
    """
    blocks, names, left_out = list[np.ndarray](), list[str](), list[str]()
    rows = train.numpy()
    for name, cells in columns.items():
        numbers = numbers_of(cells)
        if numbers is None:
            found, its_names = _categories(name, cells, rows, where)
        else:
            found, its_names = _standardised(name, cells, numbers, rows, lines, where)
        if found.shape[1]:
            blocks.append(found)
            names += its_names
        else:
            left_out.append(f"{name} (constant)")
    if not blocks:
        raise ValueError(f"{where} has no column besides the label that differs between training rows; give some")
    return Encoded(torch.from_numpy(np.concatenate(blocks, axis=1)).float(), tuple(names), tuple(left_out))


def _standardised(
    name: str, cells: Sequence[str], values: np.ndarray, rows: np.ndarray, lines: Sequence[int], where: str
) -> tuple[np.ndarray, list[str]]:
    """A column of numbers in deviations from its mean, and whether it is missing; no column if it is constant."""
    missing = np.isnan(values)
    wrong = ~missing & ~(np.abs(values) <= MAX_MAGNITUDE)
    if wrong.any():
        place = int(wrong.argmax())
        raise ValueError(
            f"{where} line {lines[place]}: {name} is {cells[place]!r}; numbers are finite and at most 1e18: "
            f"correct it, or leave the cell empty"
        )
    known = values[rows][~missing[rows]]
    # In 64 bits, for a column such as seconds since 1970 is many times its deviation.
    mean = known.mean() if len(known) else 0.0
    deviation = known.std() if len(known) else 0.0
    blocks, names = list[np.ndarray](), list[str]()
    if deviation > 1e-12 * abs(mean):
        blocks.append(np.where(missing, 0.0, (values - mean) / deviation))
        names.append(name)
    if 0 < missing[rows].sum() < len(rows):
        blocks.append(missing.astype(float))
        names.append(f"{name} missing")
    return np.stack(blocks, axis=1) if blocks else np.empty((len(values), 0)), names


def _categories(name: str, cells: Sequence[str], rows: np.ndarray, where: str) -> tuple[np.ndarray, list[str]]:
    """A column of texts as a block of zeros and ones, a column for each text of the training rows."""
    texts = np.array(["" if is_missing(cell) else cell for cell in cells])
    levels = sorted({*texts[rows].tolist()} - {""})
    if len(levels) > MAX_TEXTS:
        some = ", ".join(map(repr, levels[:3]))
        raise ValueError(
            f"{where}: column {name!r} holds {len(levels)} different texts, such as {some}, more than {MAX_TEXTS}; "
            f"leave out names and ids, write numbers as digits alone, or put rare texts together"
        )
    names = [f"{name}={level}" for level in levels]
    if "" in texts[rows]:
        levels, names = [*levels, ""], [*names, f"{name} missing"]
    if len(levels) < 2:
        return np.empty((len(texts), 0)), []
    return (texts[:, None] == np.array(levels)).astype(float), names
