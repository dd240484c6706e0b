import pytest
from matplotlib.figure import Figure

from graphdistill.compress.figure import MULTIPLY_ADDS, draw
from graphdistill.core.command.report import Report, Row
from tests.figure_checks import check

NAMES = ("float network", "rounding", "labels alone", "quantized")


@pytest.mark.parametrize("counted", [False, True])
def test_every_network_is_drawn_by_its_bytes_or_multiply_adds(counted, tmp_path, monkeypatch):
    figures, save = [], Figure.savefig

    def keep(figure, *args, **words):
        figures.append(figure)
        save(figure, *args, **words)

    monkeypatch.setattr(Figure, "savefig", keep)
    rows = tuple(
        Row(
            name=name,
            group=None,
            test=(0.9 - 0.1 * i, 0.8),
            nbytes=40_000 if not i else 2_500 + i,
            others={MULTIPLY_ADDS: (9000.0 / (i + 1), 8000.0 / (i + 1))} if counted else {},
        )
        for i, name in enumerate(NAMES)
    )
    draw(Report(title="quantized on demo", metric="accuracy", rows=rows), tmp_path / "figure.png")
    check(figures[0])
    texts = [text.get_text().replace("\n", " ") for text in figures[0].axes[0].texts]
    assert {" ".join(text.split()[:-1]) for text in texts} == set(NAMES)
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert figures[0].axes[0].get_title(loc="left") == f"Test accuracy for {'multiply-adds' if counted else 'bytes'}"
