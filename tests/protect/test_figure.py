from dataclasses import replace

import pytest
import torch

from graphdistill.core.command.report import Report, Row
from graphdistill.protect import ClassFiltersConfig, protect
from graphdistill.protect.figure import draw_rows, draw_secrets
from tests.figure_checks import check
from tests.protect.samples import KEY, images


def test_accuracies_of_every_network_and_way(tmp_path, figures):
    names = ("original", "protected", "original, smoothing", "protected, smoothing", "protected, clean-validation")
    rows = [
        Row(name=name, group=group, test=(0.1 * place, 0.1 * place + 0.05))
        for place, name in enumerate(names, start=1)
        for group in ("ConvNet", "MLP")
    ]
    rows.append(Row(name="majority class", group=None, test=(0.1,)))
    report = Report(title="class-filters on rows", metric="accuracy", rows=tuple(rows))
    draw_rows(report, ["plain", "smoothing", "clean-validation"], tmp_path / "figure.png")
    check(figures[0])
    panels = [axes for axes in figures[0].axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == ["ConvNet", "MLP"]
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["plain", "smoothing", "clean-validation"]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_before_and_after_with_their_filters(channels, tmp_path, figures):
    data = images(channels)
    secrets = torch.rand(3, 5, 5)
    draw_secrets(data, protect(data, KEY, ClassFiltersConfig(filter_size=5)), secrets, tmp_path / "filters.png")
    check(figures[0])
    titles = [axes.get_title(loc="left") for axes in figures[0].axes]
    assert titles == ["original", "protected", "filter"]
    shown = figures[0].axes[2].images[0].get_array()
    assert shown[1, 1] == pytest.approx(float(secrets[0, 0, 0])) if channels == 1 else shown.shape[2] == 3


def test_many_classes_are_cut(tmp_path, figures):
    data = replace(images(), y=torch.arange(90) % 30)
    draw_secrets(data, protect(data, KEY), torch.rand(30, 3, 3), tmp_path / "filters.png")
    assert len(figures[0].axes[0].get_yticklabels()) == 20
