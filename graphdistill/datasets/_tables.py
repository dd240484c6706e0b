"""Tables of molecules, or of other rows, as rows of text: CSV, Parquet, .smi and SDF files."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from graphdistill.datasets._sdf import read_sdf

TABLES = (".csv", ".csv.gz", ".parquet", ".smi", ".smi.gz", ".sdf", ".sdf.gz")
"""Suffixes of files that are read as tables."""

_FORMS = {
    "csv": ("CSV", "its first line must name the columns, such as smiles,y"),
    "smi": ("lines of SMILES", "each line holds a SMILES and a label, such as CCO 1"),
    "sdf": ("SDF", "each record holds a structure and its properties, and ends with $$$$"),
}
"""Name of each format, and what an empty file lacks."""

Table = tuple[list[str], list[dict[str, str]], list[int]]
"""Column names, rows by column, and the line (in Parquet the index) of each row."""


def read_table(path: Path, smiles_column: str, *, jobs: int = 1, ragged: bool = True) -> Table:
    """Read a table of molecules, or of other rows.

    CSV and Parquet files name their columns. A .smi file has a SMILES and, after spaces or a tab, a label in each line:
    its columns are ``smiles_column``, ``y``, ``column3`` and so on, unless its first line names them. If none of the
    labels is a number they are names, and the columns are ``smiles_column``, ``name``, ``y``, ``column4`` and so on.
    The columns of an SDF file are ``smiles_column``, made from the structures, and its properties.

    Args:
        path: path of the file; gzip if its name ends in ``.gz``.
        smiles_column: name of the column of SMILES.
        jobs: parallel processes for many structures of an SDF file. (default: 1)
        ragged: read lines of a CSV file with more or fewer cells than its header, with missing cells as empty ones.
            (default: yes)

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the file cannot be read.
        ImportError: pyarrow is not installed for Parquet.
        ValueError: it is empty, or a line has more or fewer cells than the header and is not to be read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"name={str(path)!r}: there is no such file")
    if path.suffix == ".parquet":
        return _parquet(path)
    opener = gzip.open if path.suffix == ".gz" else open
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    form, empty = _FORMS.get(kind, _FORMS["csv"])
    try:
        with opener(path, "rt", newline="", encoding="utf-8-sig") as file:
            if kind == "sdf":
                head, numbered = read_sdf(file, smiles_column, jobs)
            else:
                head, numbered = _smi(file, smiles_column) if kind == "smi" else _csv(file, path, ragged)
    except UnicodeDecodeError as error:
        raise OSError(f"{path} cannot be read as {form}: it is not UTF-8 text ({error}); save it as UTF-8") from error
    except (gzip.BadGzipFile, EOFError, zlib.error, csv.Error) as error:
        raise OSError(f"{path} cannot be read as {form} ({error})") from error
    if not head:
        raise ValueError(f"{path} is empty; {empty}")
    if not numbered:
        raise ValueError(f"{path} has no rows below its header, {','.join(head)}")
    return [name.strip() for name in head], [_stripped(row) for row, _ in numbered], [line for _, line in numbered]


def _csv(file: IO[str], path: Path, ragged: bool) -> tuple[Sequence[str], list[tuple[Mapping[Any, Any], int]]]:
    reader = csv.DictReader(file, restval="" if ragged else None)
    head = list(reader.fieldnames or [])
    rows = list[tuple[Mapping[Any, Any], int]]()
    for row in reader:
        if not ragged and (None in row or None in row.values()):
            what = "more" if None in row else "fewer"
            raise ValueError(
                f"{path} line {reader.line_num} has {what} cells than the {len(head)} of the first line; correct it, "
                f"and put cells that hold a comma in quotes"
            )
        rows.append((row, reader.line_num))
    return head, rows


def _smi(file: IO[str], smiles_column: str) -> tuple[Sequence[str], list[tuple[Mapping[Any, Any], int]]]:
    lines = [(line.split(), number) for number, line in enumerate(file, start=1) if line.strip()]
    if not lines:
        return [], []
    first, most = lines[0][0], max(len(words) for words, _ in lines)
    if smiles_column in first:
        head, lines = first, lines[1:]
    else:
        second = ["y"] if any(_is_number(words[1]) for words, _ in lines if len(words) > 1) else ["name", "y"]
        names = [smiles_column, *second]
        head = [*names, *(f"column{place}" for place in range(len(names) + 1, most + 1))][:most]
    return head, [(dict(zip(head, [*words, *[""] * most], strict=False)), number) for words, number in lines]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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


def _stripped(row: Mapping[Any, Any]) -> dict[str, str]:
    """A row as stripped cells by column; cells beyond the header are left out."""
    return {name.strip(): cell for name, cell in row.items() if name is not None and isinstance(cell, str)}
