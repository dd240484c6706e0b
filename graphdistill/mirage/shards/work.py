"""A run over the shards of one file: where their parts lie, and the rows of each."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import ogb
import rdkit

from graphdistill.core.config_checks import check_positive
from graphdistill.mirage.shards.parts import Arrays, Parts
from graphdistill.mirage.shards.rows import Row, Source

FORMAT = 1
"""Version of the layout of parts."""
SHARD_ROWS = 32768
"""Rows of a shard by default: large enough that a stage takes seconds, small enough for a few hundred MB."""
ROW_BYTES = 400
"""Bytes of all parts of a molecule on disk, with room: 320 on MOSES."""
NAMED = 10
"""Number of invalid rows that an error lists."""


@dataclass(frozen=True)
class Work:
    """One file in shards of consecutive rows; small, since every process gets it.

    Attributes:
        source: the file and its columns.
        folder: folder of all parts.
        rows: rows of the file.
        shards: number of shards; the last ones are empty where there are fewer rows.
        content: sha256 of the file.
        depth: depth of the trees.
        seed: seed of all draws.
        skip_invalid: leave out rows that cannot be read. (default: they are an error)
    """

    source: Source
    folder: Path
    rows: int
    shards: int
    content: str
    depth: int = 2
    seed: int = 0
    skip_invalid: bool = False

    def __post_init__(self) -> None:
        check_positive(self, "shards", "rows")

    @cached_property
    def identity(self) -> str:
        """Digest of the content of the file and of all that parts of graphs depend on."""
        source = {name: value for name, value in asdict(self.source).items() if name != "path"}
        facts = [FORMAT, self.content, self.rows, self.shards, source, self.skip_invalid, rdkit.__version__]
        return hashlib.sha256(json.dumps([*facts, ogb.__version__]).encode()).hexdigest()[:16]

    def parts(self, stage: str, *, compress: bool = True) -> Parts:
        """The parts of a stage."""
        return Parts(self.folder / self.identity / stage, compress)

    def bounds(self, shard: int) -> tuple[int, int]:
        """First row of a shard, and the first row after it."""
        return shard * self.rows // self.shards, (shard + 1) * self.rows // self.shards

    def text(self, shard: int) -> Arrays:
        """SMILES, labels, splits, places and lines of the valid rows of a shard.

        Raises:
            ValueError: rows are invalid, and not to be skipped.
        """

        def make() -> Arrays:
            rows = list(self.source.rows(*self.bounds(shard)))
            problems = [f"line {row.line}: {row.problem}" for row in rows if row.problem]
            if problems and not self.skip_invalid:
                raise ValueError(refusal(self.source.path, len(problems), problems[:NAMED]))
            return pack_rows(rows)

        return self.parts("text").get(shard, make)

    def split(self) -> None:
        """Write the text of all shards in one pass over the file, unless it is there.

        Raises:
            ValueError: rows are invalid, and not to be skipped.
        """
        parts = self.parts("text")
        if all(parts.there(shard) for shard in range(self.shards)):
            return
        problems: list[str] = []
        wrong = shard = 0
        rows: list[Row] = []

        def write() -> None:
            # A shard with invalid rows is left out, so that the next run reports them, too.
            if not parts.there(shard) and (self.skip_invalid or not any(row.problem for row in rows)):
                parts.write(shard, pack_rows(rows))

        for row in self.source.rows():
            while row.place >= self.bounds(shard)[1]:
                write()
                shard, rows = shard + 1, []
            rows.append(row)
            if row.problem:
                wrong += 1
                problems.append(f"line {row.line}: {row.problem}")
                del problems[NAMED:]
        while shard < self.shards:
            write()
            shard, rows = shard + 1, []
        if wrong and not self.skip_invalid:
            raise ValueError(refusal(self.source.path, wrong, problems))


def refusal(path: Path, wrong: int, problems: list[str]) -> str:
    """The text of an error for rows that cannot be used."""
    more = f"; and {wrong - len(problems)} more" if wrong > len(problems) else ""
    return (
        f"{path}: {wrong} rows cannot be used. {'; '.join(problems)}{more}. Correct them, or leave them out with "
        f"--skip-invalid"
    )


def pack_rows(rows: list[Row]) -> Arrays:
    """The valid ones of some rows as arrays."""
    valid = [row for row in rows if not row.problem]
    return {
        "text": np.frombuffer("\n".join(row.smiles for row in valid).encode(), np.uint8),
        "y": np.array([row.y for row in valid], np.float64).reshape(len(valid), len(rows[0].y) if rows else 1),
        "split": np.array([row.split for row in valid], np.uint8),
        "place": np.array([row.place for row in valid], np.int64),
        "line": np.array([row.line for row in valid], np.int64),
    }


def content_of(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_space(folder: Path, rows: int) -> None:
    """Fail unless the disk has room for the shards.

    Raises:
        ValueError: it has less than ``ROW_BYTES`` for each row.
    """
    nearest = folder.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    free = shutil.disk_usage(nearest).free
    if free < rows * ROW_BYTES:
        raise ValueError(
            f"--work {folder}: the shards of {rows:,} molecules take about {rows * ROW_BYTES / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free there; give a folder on a larger disk"
        )
