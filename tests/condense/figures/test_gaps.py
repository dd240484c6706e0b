import matplotlib.image

from graphdistill.condense.figures.gaps import draw_gaps
from graphdistill.core.command.report import Report, Row
from tests.figure_checks import check


def row(name, test, *gaps, nbytes=9):
    return Row(name=name, group="MLP", test=test, others={"parity gap": gaps} if gaps else {}, nbytes=nbytes)


def test_a_picture_of_scores_by_gaps(tmp_path, figures):
    rows = (
        row("distilled set", (0.90, 0.89), 0.05, 0.08),
        row("all the data", (0.92, 0.92), 0.30, 0.32),
        row("all the data, reweighed by group", (0.915, 0.92), 0.2, 0.2),
        row("majority class", (0.5,), 0.0, nbytes=None),
        row("without groups", (0.9,)),
    )
    draw_gaps(Report(title="fair-latent on people", metric="rocauc", rows=rows), tmp_path / "gaps.png")
    assert min(matplotlib.image.imread(tmp_path / "gaps.png").shape[:2]) > 300
    (axes,) = figures[0].axes
    assert sorted(text.get_text().replace("\n", " ") for text in axes.texts) == [
        "all the data, reweighed by group: 0.917 at 0.20",
        "all the data: 0.920 at 0.31",
        "distilled set: 0.895 at 0.07",
    ]
    assert axes.get_xlabel() == "parity gap on test rows"
    check(figures[0])
