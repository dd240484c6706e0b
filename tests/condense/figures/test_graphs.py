from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.figure
import pytest
import torch

from graphdistill.condense.figures import graphs as figure_graphs
from graphdistill.condense.figures.graphs import atoms, colours, draw_graphs
from graphdistill.core.command.style import ATOMS, OTHER_ATOM
from tests.condense.graph_samples import learnable, protocol, real
from tests.figure_checks import check


@pytest.fixture
def drawn(figures: list[matplotlib.figure.Figure], tmp_path: Path) -> matplotlib.figure.Figure:
    draw_graphs(learnable(2).freeze({"method": "doscond"}), protocol().chosen(torch.arange(10)), tmp_path / "set.png")
    assert (tmp_path / "set.png").read_bytes().startswith(b"\x89PNG")
    return figures[0]


def test_a_row_for_each_class_with_as_many_nodes_and_links_as_its_graphs(drawn) -> None:
    synthetic, axes = learnable(2).freeze(), drawn.axes
    graphs = synthetic.forest.graphs  # type: ignore[attr-defined]
    assert len(axes) == 2 * 2 * figure_graphs.MOST
    written = [text.get_text() for text in drawn.texts]
    assert [text for text in written if text.startswith("class")] == ["class 0", "class 1"]
    for place, row in enumerate(synthetic.y.sort(stable=True).indices.tolist()):
        axis = axes[(place // 2) * 2 * figure_graphs.MOST + place % 2]
        nodes = next(c for c in axis.collections if type(c).__name__ == "PathCollection")
        links = next(c for c in axis.collections if type(c).__name__ == "LineCollection")
        assert len(nodes.get_offsets()) == len(graphs[row].x)
        assert len(links.get_segments()) == graphs[row].edge_index.shape[1] // 2


def test_real_graphs_stand_on_the_right_and_empty_places_stay_empty(drawn) -> None:
    first = drawn.axes[: 2 * figure_graphs.MOST]
    shown = [bool(axis.collections) for axis in first]
    assert shown == [True, True, False, False, True, True, True, True]
    assert drawn.texts[0].get_text().startswith("doscond: 4 graphs, ")
    check(drawn)


def test_atoms_have_the_colours_of_their_elements_and_unknown_ones_another() -> None:
    assert atoms(torch.tensor([5, 6, 5, 118])) == [
        ("C", ATOMS["C"]),
        ("N", ATOMS["N"]),
        ("C", ATOMS["C"]),
        ("*", OTHER_ATOM),
    ]


def test_molecules_are_explained_by_their_elements(figures: list[matplotlib.figure.Figure], tmp_path: Path) -> None:
    synthetic = replace(learnable(2).freeze(), features="ogb")
    draw_graphs(synthetic, synthetic, tmp_path / "set.png")
    written = [text.get_text() for text in figures[0].texts]
    kinds = {symbol for graph in range(4) for symbol, _ in atoms(synthetic.forest.graphs[graph].x[:, 0])}  # type: ignore[attr-defined]
    assert written[written.index("elements:") + 1 :] == sorted(kinds)
    check(figures[0])


def test_the_picture_is_the_same_twice(tmp_path: Path) -> None:
    synthetic, other = learnable(2).freeze(), real().select(torch.arange(4))
    for name in ("a.png", "b.png"):
        draw_graphs(synthetic, other, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_equal_features_have_equal_colours() -> None:
    assert colours(torch.tensor([1, 1, 9, 2]))[:3] == [colours(torch.tensor([1]))[0]] * 3
    low, high = colours(torch.tensor([-9.0, 9.0]))
    assert low != high
    assert len(low) == 4
