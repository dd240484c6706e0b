"""Your own molecules: a CSV file with a column of SMILES and one or many columns of labels."""

from __future__ import annotations

import csv
import gzip
import math
import warnings
import zlib
from pathlib import Path

import torch
from torch import Tensor

from graphdistill.core.data import GraphDataset
from graphdistill.datasets._cache import cached, unpack
from graphdistill.datasets._molecules import key_of, read_smiles


def load_csv(path: Path, smiles_column: str, label_column: str) -> GraphDataset:
    """Molecules and labels of a CSV file, split by scaffold."""
    head, rows, where = _rows(path)
    labels = [column.strip() for column in label_column.split(",")]
    for argument, column in [("smiles_column", smiles_column), *(("label_column", c) for c in labels)]:
        if column not in head:
            raise ValueError(f"{argument}={column!r} is not a column of {path}; it has {', '.join(head)}")
    values = [[_number(row[c], f"{here}, {c}") for c in labels] for row, here in zip(rows, where, strict=True)]
    y = _many(values, labels, path) if len(labels) > 1 else _single(values, labels[0], path, where)
    smiles = [row[smiles_column].strip() for row in rows]
    tensors = cached(path.name.split(".")[0], key_of(path, smiles_column), lambda: read_smiles(smiles, where))
    data = GraphDataset(
        name=path.name,
        graphs=unpack(tensors),
        y=y,
        train=tensors["train"],
        valid=tensors["valid"],
        test=tensors["test"],
        metric="rocauc" if y.dim() > 1 or int(y.max()) == 1 else "accuracy",
        features="ogb",
        notes=f"{path.name}, scaffold split",
    )
    if y.dim() == 1:
        _check_split(data)
    return data


def _rows(path: Path) -> tuple[list[str], list[dict[str, str]], list[str]]:
    """Column names, rows, and where each row is."""
    if not path.is_file():
        raise FileNotFoundError(f"name={str(path)!r}: there is no such file")
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            numbered = [(row, f"{path} line {reader.line_num}") for row in reader]
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise OSError(f"{path} cannot be read as CSV ({error})") from error
    if not numbered:
        raise ValueError(f"{path} has no rows below its header")
    return list(reader.fieldnames or []), [row for row, _ in numbered], [here for _, here in numbered]


def _number(cell: str, here: str) -> float:
    try:
        return float(cell) if cell.strip() else math.nan
    except ValueError:
        raise ValueError(f"{here}: {cell!r} is not a label; labels are whole numbers from 0") from None


def _single(rows: list[list[float]], column: str, path: Path, where: list[str]) -> Tensor:
    for (value,), here in zip(rows, where, strict=True):
        if math.isnan(value):
            raise ValueError(
                f"{here}: {column} is empty; give a label or remove the row (many label columns may be empty)"
            )
        if value < 0 or not value.is_integer():
            raise ValueError(f"{here}: {column} is {value:g}; classes are whole numbers from 0")
    classes = sorted({int(value) for (value,) in rows})
    if len(classes) < 2 or classes != list(range(len(classes))):
        raise ValueError(
            f"{path}: {column} holds the classes {str(classes[:10]).strip('[]')}; "
            f"give two or more, numbered 0, 1, 2 and so on"
        )
    return torch.tensor([int(value) for (value,) in rows])


def _many(rows: list[list[float]], columns: list[str], path: Path) -> Tensor:
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        found = sorted({value for value in values if not math.isnan(value)})
        if found != [0, 1]:
            raise ValueError(
                f"{path}: {column} holds {', '.join(f'{v:g}' for v in found[:10]) or 'nothing'}; "
                f"each of many label columns holds both 0 and 1, and empty cells"
            )
    return torch.tensor(rows)


def _check_split(data: GraphDataset) -> None:
    """Refuse a training part without some class, and warn of a validation or test part without one."""
    for part, index in (("train", data.train), ("valid", data.valid), ("test", data.test)):
        absent = sorted(set(range(data.num_outputs)) - set(data.y[index].tolist()))
        message = f"{data.name}: the {part} part of the scaffold split has no molecule of class {absent}"
        if absent and part == "train":
            raise ValueError(f"{message}; give more molecules, or PyG graphs with your own splits=")
        if absent:
            warnings.warn(f"{message}; scores on it say little", UserWarning, stacklevel=4)
