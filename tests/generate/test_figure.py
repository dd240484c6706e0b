import pytest
import torch

from graphdistill.core.command.report import Report, Row
from graphdistill.core.sets.synthetic import SyntheticSet, class_weights
from graphdistill.generate.figure import draw_map, draw_measures, draw_samples, draw_traces
from tests.figure_checks import check

SOURCES = ("distilled generator", "teacher, 49 evaluations", "teacher in one step", "real entries")


def synthetic(shape, classes=3, each=8):
    y = torch.arange(classes * each) % classes
    return SyntheticSet(torch.rand(len(y), *shape), y, class_weights(y, "multiclass"))


@pytest.mark.parametrize("seeds", [1, 2])
def test_every_source_is_a_mark_at_its_evaluations(seeds, tmp_path, figures):
    rows = tuple(
        Row(
            name=name,
            group=None,
            test=(0.9,) * seeds,
            others={"Frechet": (1.0 + i, 1.2 + i)[:seeds], "evaluations": (float(count),)},
        )
        for i, (name, count) in enumerate(zip(SOURCES, (1, 49, 9), strict=False))
    )
    rows += (Row(name="real entries", group=None, test=(0.9,), others={"Frechet": (1.0,)}),)
    draw_measures(Report(title="dmd2 on rows, 1 evaluation", metric="accuracy", rows=rows), tmp_path / "figure.png")
    check(figures[0])
    words = " ".join(text.get_text().replace("\n", " ") for text in figures[0].axes[0].texts)
    assert all(name in words for name in (*SOURCES[:3], "real training images"))
    assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.mark.parametrize(("channels", "classes"), [(1, 3), (3, 12), (2, 2)])
def test_samples_have_a_panel_a_source_and_a_row_a_class(channels, classes, tmp_path, figures):
    sources = {name: synthetic((channels, 4, 6), classes) for name in SOURCES}
    draw_samples(sources, "dmd2 on rows, 1 evaluation", tmp_path / "samples.png")
    check(figures[0])
    assert [axes.get_title(loc="left") for axes in figures[0].axes] == list(SOURCES)
    labels = [text.get_text() for text in figures[0].axes[0].get_yticklabels()]
    assert labels == [str(label) for label in range(min(classes, 10))]
    assert (tmp_path / "samples.png").stat().st_size > 5_000


def test_classes_that_are_not_drawn_keep_their_numbers(tmp_path, figures):
    made = synthetic((1, 4, 4), 2)
    made = SyntheticSet(made.data, 3 * made.y + 1, made.weight)
    other = synthetic((1, 4, 4), 2)
    sources = {"distilled generator": made, "real entries": SyntheticSet(other.data, 3 * other.y + 4, other.weight)}
    draw_samples(sources, "dmd2", tmp_path / "samples.png")
    assert [text.get_text() for text in figures[0].axes[0].get_yticklabels()] == ["1", "4", "7"]
    first, second = (axes.images[0].get_array() for axes in figures[0].axes)
    # What a source does not have is white.
    assert (first[-5:-1] == 1).all()
    assert (second[:5] == 1).all()
    assert (first[:5] < 1).any()


def test_traces_show_the_first_and_the_last_of_many_steps(tmp_path, figures):
    traces = {"teacher": [torch.rand(3, 1, 4, 4) for _ in range(25)], "generator": [torch.rand(3, 1, 4, 4)]}
    draw_traces(traces, "dmd2 on rows, 1 evaluation", tmp_path / "steps.png")
    check(figures[0])
    shown = [[text.get_text() for text in axes.get_xticklabels()] for axes in figures[0].axes]
    assert (shown[0][0], shown[0][-1], len(shown[0]), shown[1]) == ("1", "25", 8, ["1"])


def test_rows_are_points_at_the_components_of_the_real_ones(tmp_path, figures):
    sources = {name: synthetic((5,)) for name in SOURCES}
    draw_map(sources, "dmd2 on own, 1 evaluation", tmp_path / "samples.png")
    check(figures[0])
    real = sources["real entries"].data
    places = torch.tensor(figures[0].axes[-1].collections[0].get_offsets().data)
    scaled = ((real - real.mean(dim=0)) / real.std(dim=0)).double()
    values = torch.linalg.svdvals(scaled)
    torch.testing.assert_close(places.norm(dim=0).double(), values[:2], rtol=1e-4, atol=1e-4)
