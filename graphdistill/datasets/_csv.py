"""Molecules from a table (CSV, Parquet, .smi, SDF) with a column of SMILES and one or more columns of labels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from graphdistill.core.data.checks import fractional
from graphdistill.core.data.datasets import GraphDataset, TaskName
from graphdistill.datasets._cache import Tensors, cached, parts_folder, unpack
from graphdistill.datasets._molecules import key_of, read_smiles
from graphdistill.datasets._tables import read_table

_NAMED = 10
"""Number of invalid rows that an error lists."""
_NO_MOLECULES = (
    "; of a table without molecules, name the column of labels by label= (--label-column of kd, compress and condense)"
)
_ADVICE = "; if they are targets and no classes, give --task regression (in Python task='regression')"


def load_csv(
    path: Path,
    smiles_column: str,
    label_column: str,
    task: TaskName | None = None,
    skip_invalid: bool = False,
    *,
    jobs: int = 1,
) -> GraphDataset:
    """Molecules and labels of a table, split by scaffold; invalid rows are reported or left out."""
    head, rows, lines = read_table(path, smiles_column, jobs=jobs)
    labels = [column.strip() for column in label_column.split(",")]
    for argument, column in [("smiles_column", smiles_column), *(("label_column", c) for c in labels)]:
        if head.count(column) != 1:
            what = "is the name of two columns" if column in head else "is not a column"
            other = _NO_MOLECULES * (argument == "smiles_column")
            raise ValueError(
                f"{argument}={column!r} {what} of {path}; it has {', '.join(head)} (its first line){other}"
            )
    values = [[_number(row[column].strip()) for column in labels] for row in rows]
    task = task or ("regression" if fractional(torch.tensor(values)) else "classification")
    wrong = _wrong(rows, values, labels, task)
    kept = [number for number in range(len(rows)) if not (skip_invalid and number in wrong)]
    smiles = [rows[number][smiles_column].strip() for number in kept]

    name = path.name.split(".")[0]
    key = key_of(path, smiles_column, "without", *(map(str, sorted(wrong)) if skip_invalid else ()), str(skip_invalid))

    def build() -> Tensors:
        with parts_folder(name, key) as parts:
            tensors, unreadable = read_smiles(smiles, jobs=jobs, parts=parts)
        if path.name.endswith((".sdf", ".sdf.gz")):
            unreadable = {i: why if smiles[i] else "its structure cannot be read" for i, why in unreadable.items()}
        found = {**wrong, **{kept[i]: why for i, why in unreadable.items()}}
        if found and not (skip_invalid and tensors):
            advice = _ADVICE * (task == "classification" and any(math.isfinite(v) for n in wrong for v in values[n]))
            raise ValueError(refusal(path, lines, found) + advice)
        readable = [i for i in range(len(smiles)) if i not in unreadable]
        return {**tensors, "readable": torch.tensor(readable)}

    if wrong and not skip_invalid:
        build()  # also raises for SMILES that cannot be read
    tensors = cached(name, key, build, entries="readable")
    used = [kept[i] for i in tensors["readable"].tolist()]
    skipped = len(rows) - len(used)
    convert = _targets if task == "regression" else _many if len(labels) > 1 else _single
    y = convert([values[number] for number in used], labels, path)
    data = GraphDataset(
        name=path.name,
        graphs=unpack(tensors),
        y=y,
        train=tensors["train"],
        valid=tensors["valid"],
        test=tensors["test"],
        metric="rmse" if task == "regression" else "rocauc" if y.dim() > 1 or int(y.max()) == 1 else "accuracy",
        features="ogb",
        notes=f"{path.name}, scaffold split" + (f", {skipped} of {len(rows)} rows skipped as invalid" * bool(skipped)),
        smiles=tuple(rows[number][smiles_column].strip() for number in used),
    )
    if y.dim() == 1:
        _check_split(data)
    return data


def _number(cell: str) -> float:
    """The number in a cell: NaN if it is empty, infinity if it holds something else."""
    try:
        return float(cell) if cell else math.nan
    except ValueError:
        return math.inf


def _wrong(rows: list[dict[str, str]], values: list[list[float]], columns: list[str], task: TaskName) -> dict[int, str]:
    """The problem of each row with invalid labels."""
    wrong: dict[int, str] = {}
    for number, row in enumerate(rows):
        for column, value in zip(columns, values[number], strict=True):
            cell = row[column].strip()
            if task == "regression":
                if math.isinf(value):
                    wrong.setdefault(number, f"{column} is {cell!r}; targets are finite numbers")
                elif math.isnan(value) and len(columns) == 1:
                    wrong[number] = f"{column} is empty"
            elif len(columns) > 1:
                if value not in (0, 1) and not math.isnan(value):
                    wrong.setdefault(number, f"{column} is {cell!r}; each of many label columns holds 0, 1 or nothing")
            elif math.isnan(value):
                wrong[number] = f"{column} is empty"
            elif value < 0 or not value.is_integer():
                wrong[number] = f"{column} is {cell!r}; classes are whole numbers from 0"
    return wrong


def refusal(path: Path, lines: list[int], wrong: Mapping[int, str]) -> str:
    """Message of the first rows that cannot be used, by their number in the table."""
    named = "; ".join(f"line {lines[number]}: {wrong[number]}" for number in sorted(wrong)[:_NAMED])
    more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return (
        f"{path}: {len(wrong)} of {len(lines)} rows cannot be used. {named}{more}. "
        f"Correct them, or leave them out with --skip-invalid (in Python skip_invalid=True)"
    )


def _single(rows: list[list[float]], columns: list[str], path: Path) -> Tensor:
    classes = sorted({int(value) for (value,) in rows})
    if len(classes) < 2 or classes != list(range(len(classes))):
        raise ValueError(
            f"{path}: {columns[0]} holds the classes {str(classes[:10]).strip('[]')}; "
            f"give two or more, numbered 0, 1, 2 and so on"
        )
    return torch.tensor([int(value) for (value,) in rows])


def _many(rows: list[list[float]], columns: list[str], path: Path) -> Tensor:
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        found = sorted({value for value in values if not math.isnan(value)})
        if found != [0, 1]:
            raise ValueError(
                f"{path}: {column} holds {', '.join(f'{v:g}' for v in found) or 'nothing'}; "
                f"each of many label columns holds both 0 and 1, and empty cells"
            )
    return torch.tensor(rows)


def _targets(rows: list[list[float]], columns: list[str], path: Path) -> Tensor:
    y = torch.tensor(rows)
    for column, values in zip(columns, y.T, strict=True):
        found = values[~torch.isnan(values)].unique()
        if len(found) < 2:
            what = f"{float(found[0]):g} alone" if len(found) else "no number"
            raise ValueError(f"{path}: {column} holds {what}; targets of regression have two or more values")
    return y


def _check_split(data: GraphDataset) -> None:
    """Reject a training split that lacks a class, and warn of a validation or test split that does."""
    for part, index in (("train", data.train), ("valid", data.valid), ("test", data.test)):
        absent = sorted(set(range(data.num_outputs)) - set(data.y[index].tolist()))
        message = f"{data.name}: the {part} part of the scaffold split has no molecule of class {absent}"
        if absent and part == "train":
            raise ValueError(f"{message}; give more molecules, or PyG graphs with your own splits=")
        if absent:
            warnings.warn(f"{message}; scores on it say little", UserWarning, stacklevel=5)
