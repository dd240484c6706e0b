from matplotlib.figure import Figure

from graphdistill.core.command.report import Report, Row
from graphdistill.unlearn.figure import PANELS, draw
from tests.figure_checks import check

NAMES = ("given model", "retrained", "fine-tune", "gradient-ascent", "laf")


def test_every_model_is_drawn(tmp_path, monkeypatch):
    figures, save = [], Figure.savefig

    def keep(figure, *args, **words):
        figures.append(figure)
        save(figure, *args, **words)

    monkeypatch.setattr(Figure, "savefig", keep)
    rows = tuple(
        Row(
            name=name,
            group=None,
            test=(0.9, 0.9 - 0.01 * i),
            others={
                "remaining": (0.99, 0.98),
                "forgotten": (0.1 * i, 0.2),
                "membership AUC": (0.5, float("nan") if name == "laf" else 0.6),
            },
        )
        for i, name in enumerate(NAMES)
    )
    draw(Report(title="laf on demo", metric="accuracy", rows=rows), tmp_path / "figure.png")
    check(figures[0])
    assert [axes.get_title(loc="left") for axes in figures[0].axes] == list(PANELS.values())
    assert [label.get_text() for label in figures[0].axes[0].get_yticklabels()] == list(NAMES)
    assert (tmp_path / "figure.png").stat().st_size > 10_000
