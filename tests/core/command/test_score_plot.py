from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from graphdistill.core.command.report import Report, Row
from graphdistill.core.command.score_plot import Mark, draw_marks, draw_scores, marks_of
from graphdistill.core.command.style import COLOURS
from tests.figure_checks import check


def row(name: str, score: float, nbytes: int | None, group: str = "GIN") -> Row:
    return Row(name=name, group=group, test=(score, score + 0.02), valid=(), nbytes=nbytes, entries=None)


NAMES = {
    "distilled set": (0.81, 1_000),
    "random nodes, equal bytes": (0.7, 1_000),
    "random nodes and the edges between them": (0.69, 1_004),
    "means of random groups of nodes": (0.805, 1_000),
    "all training nodes, propagated features": (0.81, 9_000),
    "all the data": (0.815, 40_000),
    "RS2: new random subset every step": (0.82, 40_000),
    "untrained network": (0.1, None),
    "logistic regression on features of the same set": (0.72, None),
    "majority class": (0.11, None),
    "number of nodes": (0.7, None),
    "number of heteroatoms": (0.705, None),
}


def report(names: dict[str, tuple[float, int | None]]) -> Report:
    return Report(title="gcdm on cora", metric="accuracy", rows=tuple(row(n, *found) for n, found in names.items()))


def test_marks_average_networks_seed_by_seed() -> None:
    rows = (row("a", 0.5, 7, "GCN"), row("a", 0.7, 7, "GIN"), row("b", float("nan"), 3))
    (mark,) = marks_of(Report(title="", metric="rocauc", rows=rows))
    assert (mark.name, mark.x, mark.kind) == ("a", 7, "other")
    assert (mark.mean, mark.std) == (pytest.approx(0.61), pytest.approx(0.02 / 2**0.5))


@pytest.mark.parametrize("count", [1, 2, 6, len(NAMES)])
def test_every_row_has_a_label_with_its_mean_and_nothing_touches(
    count: int, tmp_path: Path, figures: list[Figure]
) -> None:
    names = dict(list(NAMES.items())[:count])
    draw_scores(report(names), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes()[1:4] == b"PNG"
    (figure,) = figures
    check(figure)
    labels = sorted(" ".join(text.get_text().removeprefix("↓ ").split()) for text in figure.axes[0].texts)
    assert labels == sorted(f"{name} {score + 0.01:.3f}" for name, (score, _) in names.items())


def test_baselines_far_below_do_not_flatten_the_others(tmp_path: Path, figures: list[Figure]) -> None:
    draw_scores(report(NAMES), tmp_path / "figure.png")
    (axes,) = figures[0].axes
    assert axes.get_ylim()[0] > 0.5
    below = [text.get_text() for text in axes.texts if text.get_text().startswith("↓")]
    assert below == ["↓ untrained network 0.110", "↓ majority class 0.120"]


def test_rows_of_equal_bytes_stand_next_to_each_other_and_have_the_colours_of_their_kinds() -> None:
    axes = Figure(figsize=(7, 4)).add_axes((0.1, 0.1, 0.5, 0.8))
    marks = [
        Mark(name="distilled set", mean=0.8, std=0.01, x=100, kind="distilled"),
        Mark(name="random graphs", mean=0.7, std=0.01, x=100, kind="random"),
        Mark(name="all the data", mean=0.9, std=0.01, x=10_000, kind="all"),
    ]
    draw_marks(axes, marks)
    spots = {line.get_color(): line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1}
    assert spots.keys() == {COLOURS["distilled"], COLOURS["random"], COLOURS["all"]}
    assert 80 < spots[COLOURS["distilled"]] < 100 < spots[COLOURS["random"]] < 125
    assert spots[COLOURS["all"]] == pytest.approx(10_000)
    assert list(axes.xaxis.get_ticklocs()) == [100, 10_000]


def test_a_report_without_rows_can_be_drawn(tmp_path: Path, figures: list[Figure]) -> None:
    draw_scores(Report(title="", metric="rocauc", rows=()), tmp_path / "figure.png")
    check(figures[0])


def test_equal_reports_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_scores(report(NAMES), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
