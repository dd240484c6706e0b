"""Molecules of SDF files as rows of a table: the SMILES of each structure, and its properties."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from rdkit import Chem, rdBase

from graphdistill.core.parallel import parallel_map

_PART = 500
"""Structures per chunk of a process."""
_MANY = 10_000
"""Number of structures from which on processes are used; they take about 2 s."""
_PROPERTY = re.compile(r"^>.*<(.+)>")

Records = tuple[Sequence[str], list[tuple[Mapping[Any, Any], int]]]
"""Column names, and the row by column and the first line of each record."""


def read_sdf(lines: Iterable[str], smiles_column: str, jobs: int = 1) -> Records:
    """Read records of an SDF file: structures in MDL's format, V2000 or V3000, each with properties.

    Args:
        lines: lines of the file.
        smiles_column: name of the column of SMILES, which are empty for structures that rdkit cannot read; a property
            of this name is left out.
        jobs: parallel processes for many structures. (default: 1)
    """
    blocks, rows, starts = list[str](), list[dict[str, str]](), list[int]()
    for start, record in _records(lines):
        block, properties = _divided(record)
        blocks.append(block)
        rows.append(properties)
        starts.append(start)
    parts = [blocks[first : first + _PART] for first in range(0, len(blocks), _PART)]
    done = parallel_map(_smiles, None, parts, jobs=jobs if len(blocks) >= _MANY else 1)
    for row, smiles in zip(rows, chain.from_iterable(done), strict=True):
        row[smiles_column] = smiles
    names = dict.fromkeys(name for row in rows for name in row)
    head = [smiles_column, *(name for name in names if name != smiles_column)] if rows else []
    # A property may be absent from some records.
    return head, [({name: row.get(name, "") for name in head}, start) for row, start in zip(rows, starts, strict=True)]


def _records(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Lines of each record, and the number of its first line; records end with ``$$$$``."""
    record, start = list[str](), 1
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        if text.startswith("$$$$"):
            yield start, record
            record, start = [], number + 1
        else:
            record.append(text)
    if any(text.strip() for text in record):
        yield start, record


def _divided(record: list[str]) -> tuple[str, dict[str, str]]:
    """The structure and the properties of a record; a property's value ends at an empty line."""
    end = next((place for place, line in enumerate(record) if line.startswith("M  END")), len(record) - 1) + 1
    properties = dict[str, str]()
    name: str | None = None
    for line in record[end:]:
        found = _PROPERTY.match(line)
        if found:
            name = found[1].strip()
            properties[name] = ""
        elif name is not None and line.strip():
            properties[name] = f"{properties[name]} {line.strip()}".strip()
        else:
            name = None
    return "\n".join(record[:end]) + "\n", properties


def _smiles(_: None, blocks: Sequence[str]) -> list[str]:
    """SMILES of structures, empty for those that rdkit cannot read."""
    with rdBase.BlockLogs():
        molecules = [Chem.MolFromMolBlock(block) for block in blocks]
        return ["" if molecule is None else Chem.MolToSmiles(molecule) for molecule in molecules]
