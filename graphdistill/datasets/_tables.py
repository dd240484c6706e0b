"""Tables of molecules as rows of text: CSV, Parquet and .smi files."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

TABLES = (".csv", ".csv.gz", ".parquet", ".smi", ".smi.gz")
"""Suffixes of files that are read as tables."""

Table = tuple[list[str], list[dict[str, str]], list[int]]
"""Column names, rows by column, and the line (in Parquet the index) of each row."""


def read_table(path: Path, smiles_column: str) -> Table:
    """Read a table of molecules.

    CSV and Parquet files name their columns. A .smi file has a SMILES and, after spaces or a tab, a label in each line:
    its columns are ``smiles_column``, ``y``, ``column3`` and so on, unless its first line names them.

    Args:
        path: path of the file; gzip if its name ends in ``.gz``.
        smiles_column: name of the column of SMILES.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the file cannot be read.
        ImportError: pyarrow is not installed for Parquet.
        ValueError: it is empty.
    """
    if not path.is_file():
        raise FileNotFoundError(f"name={str(path)!r}: there is no such file")
    if path.suffix == ".parquet":
        return _parquet(path)
    opener = gzip.open if path.suffix == ".gz" else open
    smi = path.name.endswith((".smi", ".smi.gz"))
    try:
        with opener(path, "rt", newline="", encoding="utf-8-sig") as file:
            head, numbered = _smi(file, smiles_column) if smi else _csv(file)
    except UnicodeDecodeError as error:
        raise OSError(f"{path} cannot be read as CSV: it is not UTF-8 text ({error}); save it as UTF-8") from error
    except (gzip.BadGzipFile, EOFError, zlib.error, csv.Error) as error:
        raise OSError(f"{path} cannot be read as CSV ({error})") from error
    if not head:
        names = "each line holds a SMILES and a label" if smi else "its first line must name the columns"
        raise ValueError(f"{path} is empty; {names}, such as {'CCO 1' if smi else 'smiles,y'}")
    if not numbered:
        raise ValueError(f"{path} has no rows below its header, {','.join(head)}")
    return [name.strip() for name in head], [_stripped(row) for row, _ in numbered], [line for _, line in numbered]


def _csv(file: IO[str]) -> tuple[Sequence[str], list[tuple[Mapping[str | None, str | list[str]], int]]]:
    reader = csv.DictReader(file, restval="")
    head = list(reader.fieldnames or [])
    return head, [(row, reader.line_num) for row in reader]


def _smi(
    file: IO[str], smiles_column: str
) -> tuple[Sequence[str], list[tuple[Mapping[str | None, str | list[str]], int]]]:
    lines = [(line.split(), number) for number, line in enumerate(file, start=1) if line.strip()]
    if not lines:
        return [], []
    first, most = lines[0][0], max(len(words) for words, _ in lines)
    if smiles_column in first:
        head, lines = first, lines[1:]
    else:
        head = [smiles_column, "y", *(f"column{place}" for place in range(3, most + 1))][:most]
    return head, [(dict(zip(head, [*words, *[""] * most], strict=False)), number) for words, number in lines]


def _parquet(path: Path) -> Table:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(f"{path} needs pyarrow: pip install graphdistill[tables], or give a .csv") from error
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise OSError(f"{path} cannot be read as Parquet ({' '.join(str(error).split())})") from error
    if not table.num_rows:
        raise ValueError(f"{path} has no rows; its columns are {', '.join(table.column_names)}")
    rows = [{name: _text(value) for name, value in row.items()} for row in table.to_pylist()]
    return table.column_names, rows, list(range(1, len(rows) + 1))


def _text(value: object) -> str:
    """A cell as CSV text: empty if missing, numbers without quotes."""
    return "" if value is None or value != value else str(int(value) if isinstance(value, bool) else value)


def _stripped(row: Mapping[str | None, str | list[str]]) -> dict[str, str]:
    """A row as stripped cells by column; cells beyond the header are left out."""
    return {name.strip(): cell for name, cell in row.items() if name is not None and isinstance(cell, str)}
