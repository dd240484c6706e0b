from __future__ import annotations

from pathlib import Path

import matplotlib.figure
import pytest
import torch

from graphdistill.condense.figures import graphs as figure_graphs
from graphdistill.condense.figures.graphs import colours, draw_graphs
from tests.condense.graph_samples import learnable, protocol, real


@pytest.fixture
def drawn(monkeypatch, tmp_path: Path) -> matplotlib.figure.Figure:
    figures = []
    save = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(
        matplotlib.figure.Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k))
    )
    draw_graphs(learnable(2).freeze({"method": "doscond"}), protocol().chosen(torch.arange(10)), tmp_path / "set.png")
    assert (tmp_path / "set.png").read_bytes().startswith(b"\x89PNG")
    return figures[0]


def test_a_row_for_each_class_with_as_many_nodes_and_links_as_its_graphs(drawn) -> None:
    synthetic, axes = learnable(2).freeze(), drawn.axes
    graphs = synthetic.forest.graphs  # type: ignore[attr-defined]
    assert len(axes) == 2 * 2 * figure_graphs.MOST
    assert [axes[0].get_ylabel(), axes[2 * figure_graphs.MOST].get_ylabel()] == ["class 0", "class 1"]
    for row in range(4):
        axis = axes[(row // 2) * 2 * figure_graphs.MOST + row % 2]
        nodes = next(c for c in axis.collections if type(c).__name__ == "PathCollection")
        links = next(c for c in axis.collections if type(c).__name__ == "LineCollection")
        assert len(nodes.get_offsets()) == len(graphs[row].x)
        assert len(links.get_segments()) == graphs[row].edge_index.shape[1] // 2


def test_real_graphs_stand_on_the_right_and_empty_places_stay_empty(drawn) -> None:
    first = drawn.axes[: 2 * figure_graphs.MOST]
    shown = [bool(axis.collections) for axis in first]
    assert shown == [True, True, False, False, True, True, True, True]
    assert "doscond: 4 graphs" in drawn.get_suptitle()


def test_the_picture_is_the_same_twice(tmp_path: Path) -> None:
    synthetic, other = learnable(2).freeze(), real().select(torch.arange(4))
    for name in ("a.png", "b.png"):
        draw_graphs(synthetic, other, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_equal_features_have_equal_colours() -> None:
    assert colours(torch.tensor([1, 1, 21, 2]))[:3] == [colours(torch.tensor([1]))[0]] * 3
    low, high = colours(torch.tensor([-9.0, 9.0]))
    assert low != high
    assert len(low) == 4
