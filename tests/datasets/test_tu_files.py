from __future__ import annotations

from pathlib import Path

import pytest

from graphdistill.datasets._tu_files import flaw

FILES = {
    "graph_indicator": "1\n1\n2\n",
    "A": "1, 2\n2, 1\n",
    "graph_labels": "1\n-1\n",
    "node_labels": "0\n1\n0\n",
    "edge_labels": "0\n0\n",
}


def written(folder: Path, **changes: str) -> Path:
    for name, text in {**FILES, **changes}.items():
        (folder / f"T_{name}.txt").write_text(text)
    return folder


def test_files_that_are_valid_have_none(tmp_path: Path) -> None:
    assert flaw(written(tmp_path), "T") is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"graph_indicator": "1\n3\n3\n"}, "T_graph_indicator.txt line 2: graph 3 after graph 1; nodes come graph by"),
        ({"A": "1, 2\n2, 4\n"}, "T_A.txt line 2: node 4; nodes are numbered from 1 to 3"),
        ({"A": "1\n"}, "T_A.txt line 1: 1 numbers; an edge is two nodes"),
        ({"node_labels": "0\nx\n0\n"}, "T_node_labels.txt line 2 is 'x'; numbers separated by commas are needed"),
        ({"graph_labels": ""}, "T_graph_labels.txt is empty"),
    ],
)
def test_the_first_line_that_is_wrong_is_named(changes: dict[str, str], message: str, tmp_path: Path) -> None:
    found = flaw(written(tmp_path, **changes), "T")
    assert found is not None
    assert found.startswith(message)


@pytest.mark.parametrize("part", ["graph_labels", "node_labels", "edge_labels"])
def test_files_of_another_length_are_named(part: str, tmp_path: Path) -> None:
    found = flaw(written(tmp_path, **{part: FILES[part] + "0\n"}), "T")
    assert found is not None
    assert found.startswith(f"T_{part}.txt")
