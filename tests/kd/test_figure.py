import torch
from matplotlib.figure import Figure

from graphdistill.core.command.report import Report, Row
from graphdistill.kd.figure import draw, kind_of_row
from tests.figure_checks import check

NAMES = ["teacher GCN", "MLP, labels alone", "MLP, kd", "MLP, hybrid-distillation", "MLP, untrained"]


def test_networks_are_drawn_by_their_time_and_calibration(tmp_path, monkeypatch):
    figures, save = [], Figure.savefig

    def keep(figure, *args, **words):
        figures.append(figure)
        save(figure, *args, **words)

    monkeypatch.setattr(Figure, "savefig", keep)
    rows = [Row(name=name, group=None, test=(0.9 - 0.01 * i, 0.91 - 0.01 * i)) for i, name in enumerate(NAMES)]
    times = {name: {"in a batch": 0.1 / (i + 1)} for i, name in enumerate(NAMES)}
    draws, y = torch.Generator().manual_seed(0), torch.arange(300) % 3
    logits = {
        name: (torch.nn.functional.one_hot(y, 3) * 2 + torch.randn(300, 3, generator=draws), y) for name in NAMES[:-1]
    }
    report = Report(
        title="demo",
        metric="accuracy",
        rows=tuple(rows),
        facts={"milliseconds": times, "command": {"method": "hybrid-distillation"}},
    )
    draw(report, logits, tmp_path / "figure.png")
    check(figures[0])
    words = " ".join(text.get_text().replace("\n", " ") for axes in figures[0].axes for text in axes.texts)
    assert all(name in words for name in NAMES[:-1])
    assert NAMES[-1] not in words
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_rows_have_the_colours_of_their_kind():
    found = [kind_of_row(name, "hybrid-distillation") for name in [*NAMES, "MLP, without voting"]]
    assert found == ["all", "simple", "other", "distilled", "untrained", "random"]
    assert kind_of_row("MLP, kd", "kd") == "other"
