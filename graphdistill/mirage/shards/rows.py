"""Rows of a file of molecules, one at a time: SMILES, labels and split, with the problem of each invalid row."""

from __future__ import annotations

import csv
import gzip
import hashlib
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

SUFFIXES = (".csv", ".csv.gz", ".smi", ".smi.gz")
"""Suffixes of files that are read row by row."""
SPLITS = ("train", "valid", "test")
"""Names of the splits in the order of their numbers."""


class Row(NamedTuple):
    """A row: its place from 0, its line, SMILES, labels (NaN where empty), number of its split, and what is wrong."""

    place: int
    line: int
    smiles: str
    y: tuple[float, ...]
    split: int
    problem: str


@dataclass(frozen=True)
class Source:
    """A file of molecules and how its columns are read.

    Attributes:
        path: ``.csv``, ``.csv.gz`` or, with a SMILES and a label in each line, ``.smi`` and ``.smi.gz``.
        smiles_column: column of SMILES.
        label_columns: one column of classes from 0, or several of 0, 1 or nothing.
        split_column: column of train, valid and test; empty for a split by the SMILES.
        seed: seed of that split.
    """

    path: Path
    smiles_column: str = "smiles"
    label_columns: tuple[str, ...] = ("y",)
    split_column: str = ""
    seed: int = 0

    def check(self) -> None:
        """Check the kind of file and its columns.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is of another kind, empty, or lacks a column.
        """
        if not self.path.name.endswith(SUFFIXES):
            raise ValueError(
                f"--engine reads files of molecules ({', '.join(SUFFIXES)}) in shards, and {str(self.path)!r} is "
                f"none; it is for sets of graphs, not for node graphs; leave out --engine and --shards to load other "
                f"data in memory"
            )
        if not self.path.is_file():
            raise FileNotFoundError(f"--dataset {self.path}: there is no such file")
        with _opened(self.path) as file:
            head, rows = self._table(file)
            if next(rows, None) is None:
                raise ValueError(f"--dataset {self.path} has no rows")
        for column in (self.smiles_column, *self.label_columns, *filter(None, [self.split_column])):
            if head.count(column) != 1:
                what = "is the name of two columns" if column in head else "is not a column"
                raise ValueError(f"{column!r} {what} of {self.path}; it has {', '.join(head)}")

    def count(self) -> int:
        """Number of rows."""
        with _opened(self.path) as file:
            return sum(1 for _ in self._table(file)[1])

    def rows(self, first: int = 0, last: int | None = None) -> Iterator[Row]:
        """Rows from ``first`` to below ``last``, invalid ones with their problem."""
        with _opened(self.path) as file:
            head, rows = self._table(file)
            smiles, *labels = (head.index(column) for column in (self.smiles_column, *self.label_columns))
            split = head.index(self.split_column) if self.split_column else None
            width = max(smiles, *labels, split or 0) + 1
            for place, (line, cells) in enumerate(rows):
                if place < first:
                    continue
                if last is not None and place >= last:
                    return
                cells = [*cells, *[""] * (width - len(cells))]
                text = cells[smiles].strip()
                y, problem = _labels([cells[label] for label in labels], self.label_columns)
                if split is None:
                    number = draw_split(text, self.seed)
                else:
                    name = cells[split].strip()
                    number = SPLITS.index(name) if name in SPLITS else 0
                    if name not in SPLITS:
                        problem = problem or f"{self.split_column} is {name!r}; it is train, valid or test"
                yield Row(place, line, text, y, number, problem)

    def _table(self, file: IO[str]) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
        """Names of the columns, and the line and cells of each row."""
        if ".csv" in "".join(self.path.suffixes[-2:]):
            reader = csv.reader(file)
            return [name.strip() for name in next(reader, [])], ((reader.line_num, row) for row in reader if row)
        lines = ((number, line.split()) for number, line in enumerate(file, start=1))
        filled = ((number, cells) for number, cells in lines if cells)
        number, first = next(filled, (0, []))
        if self.smiles_column in first or not first:
            return first, filled
        head = [self.smiles_column, "y", *(f"column{place}" for place in range(3, len(first) + 1))][: len(first)]
        return head, _again((number, first), filled)


def draw_split(smiles: str, seed: int) -> int:
    """Number of the split of a molecule by its SMILES, so that repeated molecules are in one: 80/10/10.

    Example:
        >>> draw_split("CCO", 0) == draw_split("CCO", 0)
        True
    """
    digest = hashlib.blake2b(f"{seed} {smiles}".encode(), digest_size=8).digest()
    return max(0, int.from_bytes(digest, "big") * 10 // 2**64 - 7)


def _labels(cells: Sequence[str], columns: Sequence[str]) -> tuple[tuple[float, ...], str]:
    """Labels of a row, and what is wrong with them."""
    y, problem = [], ""
    for cell, column in zip(cells, columns, strict=True):
        try:
            value = float(cell) if cell.strip() else math.nan
        except ValueError:
            value = math.inf
        y.append(value)
        if len(columns) > 1 and not math.isnan(value) and value not in (0, 1):
            problem = problem or f"{column} is {cell!r}; each of many label columns holds 0, 1 or nothing"
        elif len(columns) == 1 and math.isnan(value):
            problem = f"{column} is empty"
        elif len(columns) == 1 and not (value >= 0 and value.is_integer()):
            problem = f"{column} is {cell!r}; classes are whole numbers from 0"
    return tuple(y), problem


def _again(first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


class _opened:
    """The file as text; what cannot be read is an error that names it."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> IO[str]:
        opener = gzip.open if self.path.suffix == ".gz" else open
        self.file: IO[str] = opener(self.path, "rt", newline="", encoding="utf-8-sig")
        return self.file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.file.close()
        if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error | csv.Error | UnicodeDecodeError):
            raise OSError(f"{self.path} cannot be read ({error})") from error
