from __future__ import annotations

import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from graphdistill.core.command.report import Report, Row
from graphdistill.core.command.style import COLOURS, styled
from graphdistill.mirage.bytes_curve import SERIES, draw_curve
from tests.figure_checks import check

NAMES = tuple(name for name in SERIES if not name.endswith("targets"))
TARGETS = tuple(name for name in SERIES if not name.endswith("labels"))


def row(name: str, score: float, nbytes: int | None, network: str = "GIN") -> Row:
    return Row(name=name, group=network, test=(score, score + 0.02), nbytes=nbytes)


def drawn(*rows: Row, metric: str = "rocauc") -> Figure:
    with styled():
        figure = Figure(figsize=(6.5, 4.2))
        axes = figure.add_axes((0.12, 0.16, 0.55, 0.7))
        draw_curve(axes, Report(title="", metric=metric, rows=rows))
        check(figure)
    return figure


def curves(figure: Figure, names: tuple[str, ...] = NAMES) -> dict[str, list[tuple[float, float]]]:
    """Points of each curve by the series of its colour."""
    found = {}
    for line in figure.axes[0].lines:
        if line.get_marker() == "o":
            (name,) = [name for name in names if same_color(SERIES[name], line.get_color())]
            found[name] = [(x, round(y, 6)) for x, y in line.get_xydata().tolist()]
    return found


def test_each_kind_of_set_has_a_curve_over_its_bytes() -> None:
    rows = [row("all the data", 0.8, 30_000), row("untrained network", 0.5, None), row("random graphs", 0.9, 70)]
    want = {}
    for number, name in enumerate(NAMES):
        score = 0.75 - 0.03 * number
        rows += [row(name, score, 3_000), row(f"{name}, 1 %", score - 0.1, 290 + number)]
        rows.append(row(f"{name}, 30 % of the bytes", score + 0.02, 8_990))
        means = (score - 0.09, score + 0.01, score + 0.03)
        want[name] = list(zip((290 + number, 3_000, 8_990), [round(mean, 6) for mean in means], strict=True))
    figure = drawn(*rows)
    assert curves(figure) == want
    axes = figure.axes[0]
    texts = [text.get_text().replace("\n", " ") for text in axes.texts]
    assert [text for text in texts if text.endswith("%")] == ["30 %", "1 %"]
    for name in NAMES:
        assert f"{name} {want[name][-1][1]:.3f}" in texts
    assert "all the data 0.810" in texts
    assert not any("untrained" in text or text.startswith("random graphs 0") for text in texts)
    (star,) = [line for line in axes.lines if line.get_marker() == "*"]
    assert star.get_xydata().tolist() == [[3_000, pytest.approx(0.76)]]
    (diamond,) = [line for line in axes.lines if line.get_marker() == "D"]
    assert diamond.get_xydata().tolist() == [[30_000, pytest.approx(0.81)]]
    assert same_color(diamond.get_color(), COLOURS["all"])


def test_rows_of_regression_have_the_same_colours_and_the_title_says_that_lower_is_better() -> None:
    rows = [row(name, 1.0 + 0.1 * number, 900 + 10 * number) for number, name in enumerate(TARGETS)]
    figure = drawn(*rows, metric="rmse")
    assert list(curves(figure, TARGETS)) == list(TARGETS)
    assert figure.axes[0].get_title(loc="left") == "Test RMSE for bytes, lower is better"
    assert len(TARGETS) == len(NAMES) == 4


def test_the_score_is_the_mean_over_networks() -> None:
    rows = [row("distilled set", score, 500, network) for score, network in ((0.6, "GCN"), (0.7, "GIN"))]
    assert curves(drawn(*rows)) == {"distilled set": [(500, 0.66)]}


def test_a_point_of_the_budget_of_the_row_itself_is_that_of_the_row() -> None:
    rows = (
        row("distilled set", 0.7, 1_000),
        row("distilled set, 10 %", 0.6, 990),
        row("distilled set, 30 %", 0.8, 3_000),
    )
    figure = drawn(*rows)
    assert curves(figure) == {"distilled set": [(1_000, 0.71), (3_000, 0.81)]}
    labels = {text.get_text(): text.xy for text in figure.axes[0].texts if text.get_text().endswith("%")}
    assert labels == {"10 %": (1_000, pytest.approx(0.71)), "30 %": (3_000, pytest.approx(0.81))}


def test_points_are_labelled_by_the_rest_of_their_name() -> None:
    rows = (
        row("distilled set, lossless", 0.8, 30_000),
        row("distilled set, 0.1 %", 0.6, 100),
        row("distilled set, 1 %", 0.7, 1_000),
        row("distilled set, 3 %", 0.75, 1_100),
        row("distilled sets", 0.9, 9_000),
    )
    figure = drawn(*rows)
    points = [(100, 0.61), (1_000, 0.71), (1_100, 0.76), (30_000, 0.81)]
    assert curves(figure) == {"distilled set": points}
    # A label that would touch another is left out.
    labels = [text for text in figure.axes[0].texts if text.get_text() in ("lossless", "0.1 %", "1 %", "3 %", "s")]
    assert {text.get_text(): text.xy[0] for text in labels} == {"0.1 %": 100, "3 %": 1_100, "lossless": 30_000}


@pytest.mark.parametrize("rows", [(), (("all the data", 0.5, 9),), (("distilled set", float("nan"), 9),)])
def test_a_report_without_sets_says_so(rows: tuple[tuple[str, float, int], ...]) -> None:
    figure = drawn(*(row(*parts) for parts in rows))
    assert curves(figure) == {}
    assert "no sets with bytes in this report" in [text.get_text() for text in figure.axes[0].texts]
