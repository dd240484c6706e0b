"""Validation of the text files of a TU data set, with file and line of the problem."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Row = list[float]


def flaw(folder: Path, name: str) -> str | None:
    """Description of the first invalid line; ``None`` if all lines are valid.

    Args:
        folder: folder of ``NAME_A.txt`` and the other files.
        name: name of the data set.
    """
    try:
        graph = _indicator(folder / f"{name}_graph_indicator.txt")
        nodes, graphs = len(graph), graph[-1]
        edges = _edges(folder / f"{name}_A.txt", graph)
        for part, rows, unit in (
            ("graph_labels", graphs, "graph"),
            ("node_labels", nodes, "node"),
            ("node_attributes", nodes, "node"),
            ("edge_labels", edges, "edge"),
            ("edge_attributes", edges, "edge"),
        ):
            path = folder / f"{name}_{part}.txt"
            if path.is_file():
                _rows(path, rows, unit)
    except _Flaw as found:
        return str(found)
    return None


class _Flaw(Exception):
    """A problem with its file and line."""


def _read(path: Path, check: Callable[[int, Row], str | None]) -> list[Row]:
    """The numbers of each line; raises for the first unreadable line or one that ``check`` rejects."""
    rows = []
    lines = path.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    if not lines:
        raise _Flaw(f"{path.name} is empty")
    for number, line in enumerate(lines, start=1):
        try:
            row = [float(cell) for cell in line.split(",")]
        except ValueError:
            raise _Flaw(f"{path.name} line {number} is {line[:40]!r}; numbers separated by commas are needed") from None
        wrong = check(number, row)
        if wrong:
            raise _Flaw(f"{path.name} line {number}: {wrong}")
        rows.append(row)
    return rows


def _indicator(path: Path) -> list[int]:
    last = 0

    def check(number: int, row: Row) -> str | None:
        nonlocal last
        value, before = row[0], last
        last = int(value) if value in (before, before + 1) else last
        if len(row) > 1 or value not in (before, before + 1) or value < 1:
            after = f"after graph {before}" if before else "at the start"
            return f"graph {value:g} {after}; nodes come graph by graph, numbered 1, 2, 3 and so on without a gap"
        return None

    return [int(row[0]) for row in _read(path, check)]


def _edges(path: Path, graph: list[int]) -> int:
    def check(number: int, row: Row) -> str | None:
        if len(row) != 2:
            return f"{len(row)} numbers; an edge is two nodes separated by a comma"
        for end in row:
            if not (1 <= end <= len(graph) and end == int(end)):
                return f"node {end:g}; nodes are numbered from 1 to {len(graph)}, the lines of the graph indicator"
        first, second = (graph[int(end) - 1] for end in row)
        return None if first == second else f"an edge from graph {first} to graph {second}; edges stay in their graph"

    return len(_read(path, check))


def _rows(path: Path, count: int, unit: str) -> None:
    width = 0

    def check(number: int, row: Row) -> str | None:
        nonlocal width
        width = width or len(row)
        return None if len(row) == width else f"{len(row)} numbers, but line 1 has {width}"

    found = len(_read(path, check))
    if found != count:
        raise _Flaw(f"{path.name} has {found} lines for {count} {unit}s, one is needed for each")
