from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from graphdistill.core.command.style import (
    CLASSES,
    COLOURS,
    INK,
    MARKERS,
    PREFIXES,
    add_panel,
    apart,
    class_colour,
    colour_of,
    coloured_words,
    dots,
    kind_of,
    label_groups,
    margin_labels,
    new_figure,
    save,
    size_text,
    styled,
    wide_enough,
)
from tests.figure_checks import check, cut, touching

SEEN = {
    "usual": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
"""Linear RGB as people see it (Machado et al., IEEE TVCG 2009, https://doi.org/10.1109/TVCG.2009.113)."""


def lab(colour: str, seen: str) -> np.ndarray:
    """CIELAB of a colour as people see it."""
    value = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SEEN[seen]) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ linear / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize(("palette", "least"), [(tuple(COLOURS.values()), 20), (CLASSES, 15)], ids=["rows", "classes"])
def test_colours_differ_for_everyone(seen: str, palette: tuple[str, ...], least: float) -> None:
    distances = {(a, b): np.linalg.norm(lab(a, seen) - lab(b, seen)) for a, b in combinations(palette, 2)}
    assert {pair: distance for pair, distance in distances.items() if distance < least} == {}


def test_every_kind_has_a_colour_and_a_marker_of_its_own() -> None:
    assert COLOURS.keys() == MARKERS.keys() >= set(PREFIXES.values())
    assert len(set(MARKERS.values())) == len(set(COLOURS.values())) == len(COLOURS)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("distilled", ("distilled set", "distilled, 1 %")),
        ("random", ("random graphs, equal bytes", "random nodes and the edges between them", "RS2: new random subset")),
        ("all", ("all the data", "all training nodes, propagated features", "lossless")),
        ("simple", ("logistic regression on tree counts", "majority class", "number of nodes", "largest class")),
        ("untrained", ("untrained network", "untrained MLP", "untrained, best of 10 by validation")),
        ("other", ("GLNN: teacher's soft labels", "allowance")),
    ],
)
def test_rows_of_all_families_have_the_colour_of_their_kind(kind: str, names: tuple[str, ...]) -> None:
    for name in names:
        assert kind_of(name) == kind
        assert colour_of(name) == COLOURS[kind]  # type: ignore[index]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 0.1)), max_size=10))
def test_boxes_are_apart_and_in_order(boxes: list[tuple[float, float]]) -> None:
    places, heights = [sorted(place for place, _ in boxes), [height for _, height in boxes]]
    moved = apart(places, heights, 0.0, 1.0)
    edges = [(place - height / 2, place + height / 2) for place, height in zip(moved, heights, strict=True)]
    assert all(one[1] <= other[0] + 1e-9 for one, other in pairwise(edges))
    assert all(high <= 1 + 1e-9 for _, high in edges)
    assert sum(heights) > 1 or all(low >= -1e-9 for low, _ in edges)


def test_boxes_that_are_apart_stay() -> None:
    assert apart([0.2, 0.5, 0.8], [0.1, 0.1, 0.1], 0.0, 1.0) == [0.2, 0.5, 0.8]


@pytest.mark.parametrize("count", [1, 5, 12])
def test_labels_in_the_margin_do_not_touch_and_point_at_their_values(count: int) -> None:
    with styled():
        figure = new_figure(7, 5, "title", "what it shows")
        axes = add_panel(figure, 0.8, 1.2, 3, 3)
        axes.set_ylim(0, 1)
        labels = [(0.5 + 0.001 * i, f"row {i}\n{i}", INK) for i in range(count)]
        margin_labels(axes, labels[::-1])
    check(figure)
    order = sorted(axes.texts, key=lambda text: text.get_position()[1])
    assert [text.get_text() for text in order] == [text for _, text, _ in labels]
    assert [line.get_ydata()[0] for line in axes.lines] == [value for value, _, _ in labels]


def test_class_numbers_at_the_same_place_move_apart() -> None:
    figure = new_figure(6, 5, "")
    axes = add_panel(figure, 0.5, 1, 4, 3)
    places, labels = np.zeros((12, 2)), np.arange(12)
    axes.set(xticks=[], yticks=[])
    axes.scatter(places[:, 0], places[:, 1])
    label_groups(axes, places, labels)
    assert touching(figure) == []
    assert cut(figure) == []
    assert [text.get_text() for text in axes.texts] == [str(label) for label in labels]


def test_a_class_number_is_above_a_point_of_its_class() -> None:
    figure = new_figure(6, 5, "")
    axes = add_panel(figure, 0.5, 1, 4, 3)
    places = np.array([[0.0, 0.0], [1.0, 0.1], [0.0, 0.2], [5.0, 5.0]])
    axes.scatter(places[:, 0], places[:, 1])
    label_groups(axes, places, np.array([0, 0, 0, 1]))
    zero, one = (text.get_position() for text in axes.texts)
    assert (round(zero[0], 6), round(one[0], 6)) == (0.0, 5.0)
    assert zero[1] > 0.0


def test_points_have_the_colours_of_their_classes_and_an_edge_where_they_are_opaque() -> None:
    axes = add_panel(new_figure(6, 5, ""), 0.5, 1, 4, 3)
    places = np.array([[0.0, 1.0], [2.0, 3.0]])
    dots(axes, places, np.array([1, 0]), size=9, alpha=0.3)
    dots(axes, places, np.array([1, 0]), size=9)
    behind, front = axes.collections
    np.testing.assert_array_equal(front.get_offsets(), places)
    assert [to_hex(c) for c in front.get_facecolors()] == [to_hex(class_colour(1)), to_hex(class_colour(0))]
    assert (len(behind.get_edgecolors()), len(front.get_edgecolors())) == (0, 1)


def test_words_stand_in_a_line_without_touching() -> None:
    figure = new_figure(8, 2, "")
    coloured_words(figure, 0.3, 1, [("one", COLOURS["distilled"]), ("another", COLOURS["random"]), ("last", INK)])
    check(figure)
    assert [text.get_color() for text in figure.texts[1:]] == [COLOURS["distilled"], COLOURS["random"], INK]


def test_titles_fit_into_a_figure() -> None:
    title, subtitle = "doscond on ogbg-molbace, 10 of each class", "ROC-AUC, mean ± deviation over 15 trainings; more"
    with styled():
        figure = new_figure(wide_enough(title, subtitle, 2), 2, title, subtitle)
    check(figure)


def test_sizes_and_classes() -> None:
    assert [size_text(count) for count in (650, 3_250, 2_510_000)] == ["650 B", "3.25 kB", "2.51 MB"]
    assert class_colour(3) == CLASSES[3] == class_colour(13)


def test_an_overlap_is_found() -> None:
    figure = Figure()
    for _ in range(2):
        figure.text(0.5, 0.5, "here")
    figure.text(0.99, 0.2, "over the edge")
    assert touching(figure) == [("here", "here")]
    assert cut(figure) == ["over the edge"]


def test_a_figure_in_svg_has_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        with styled():
            figure = new_figure(3, 2, "title")
            add_panel(figure, 0.5, 0.7, 2, 1).plot([0, 1])
            save(figure, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
