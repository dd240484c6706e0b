from __future__ import annotations

from pathlib import Path

import matplotlib.image
import pytest
import torch
from matplotlib.figure import Figure

from graphdistill.condense.data.learnable import frozen
from graphdistill.condense.figures.images import draw_images
from graphdistill.core.command.style import size_text
from graphdistill.core.evaluation.probe import unlabelled_set
from tests.figure_checks import check


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_row_for_each_class(channels: int, tmp_path: Path, figures: list[Figure]) -> None:
    synthetic = frozen(torch.rand(5, channels, 8, 8), torch.tensor([0, 1, 1, 1, 2]), {"method": "dm"})
    draw_images(synthetic, tmp_path / "one.png")
    draw_images(synthetic, tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert matplotlib.image.imread(tmp_path / "one.png").shape[0] > 100
    (axes,) = figures[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1", "2"]
    assert [text.get_text() for text in figures[0].texts] == [
        f"dm: 5 images, {size_text(synthetic.nbytes)}",
        "a row for each class",
    ]
    check(figures[0])


def test_one_image_of_each_class_gives_one_row(tmp_path: Path, figures: list[Figure]) -> None:
    draw_images(frozen(torch.rand(4, 1, 8, 6), torch.arange(4)), tmp_path / "flat.png")
    (axes,) = figures[0].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2", "3"]
    width, height = figures[0].get_size_inches()
    assert width > height
    assert figures[0].texts[1].get_text() == "a column for each class"
    check(figures[0])


def test_few_images_of_many_classes_stand_in_columns(tmp_path: Path, figures: list[Figure]) -> None:
    x = torch.rand(7, 1, 8, 8)
    draw_images(frozen(x, torch.tensor([0, 1, 1, 2, 3, 3, 0])), tmp_path / "few.png")
    (axes,) = figures[0].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2", "3"]
    stored, picture = frozen(x, torch.arange(7)).data, torch.as_tensor(axes.images[0].get_array())
    assert picture.shape == (2 * 9 + 1, 4 * 9 + 1)
    assert torch.equal(picture[1:9, 1:9], stored[0, 0])
    assert torch.equal(picture[10:18, 1:9], stored[6, 0])
    assert torch.equal(picture[10:18, 10:18], stored[2, 0])
    assert bool((picture[10:18, 19:27] == 1).all())
    check(figures[0])


def test_many_images_of_a_class_are_cut_and_counted(tmp_path: Path, figures: list[Figure]) -> None:
    draw_images(frozen(torch.rand(23, 1, 8, 8), torch.tensor([0] * 21 + [1] * 2)), tmp_path / "many.png")
    assert figures[0].texts[1].get_text() == "a row for each class, the first 20 images of it"
    check(figures[0])


def test_soft_labels_are_shown_by_their_likeliest_class(tmp_path: Path) -> None:
    draw_images(frozen(torch.rand(2, 1, 8, 8), torch.tensor([[0.1, 0.9], [0.8, 0.2]])), tmp_path / "soft.png")
    assert (tmp_path / "soft.png").is_file()


def test_images_without_labels_are_in_one_row(tmp_path: Path, figures: list[Figure]) -> None:
    draw_images(unlabelled_set(torch.rand(4, 1, 8, 8), torch.randn(4, 3)), tmp_path / "unlabelled.png")
    assert figures[0].texts[1].get_text() == "without labels"
    assert figures[0].axes[0].images[0].get_array().shape == (10, 4 * 9 + 1)  # type: ignore[union-attr]
    check(figures[0])
