from __future__ import annotations

from pathlib import Path

import matplotlib.image
import pytest
import torch

from graphdistill.condense.data.learnable import frozen
from graphdistill.condense.figures.images import draw_images, grid


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_row_for_each_class(channels: int, tmp_path: Path) -> None:
    synthetic = frozen(torch.rand(5, channels, 8, 8), torch.tensor([0, 1, 1, 1, 2]), {"method": "dm"})
    draw_images(synthetic, tmp_path / "one.png")
    draw_images(synthetic, tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert matplotlib.image.imread(tmp_path / "one.png").shape[0] > 100


def test_soft_labels_are_shown_by_their_likeliest_class(tmp_path: Path) -> None:
    draw_images(frozen(torch.rand(2, 1, 8, 8), torch.tensor([[0.1, 0.9], [0.8, 0.2]])), tmp_path / "soft.png")
    assert (tmp_path / "soft.png").is_file()


def test_the_grid_holds_every_image_where_it_belongs() -> None:
    rows = [torch.rand(2, 1, 3, 4), torch.rand(1, 1, 3, 4)]
    out = grid(rows, 2)
    assert out.shape == (2 * 4 + 1, 2 * 5 + 1, 1)
    assert torch.equal(out[1:4, 6:10, 0], rows[0][1, 0])
    assert torch.equal(out[5:8, 1:5, 0], rows[1][0, 0])
    assert bool((out[5:8, 6:10] == 1).all())
    assert bool((out[::4] == 1).all())
