from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from graphdistill.core.sets.tiles import Tiles, sharpened
from tests.core.sets.samples import pixels
from tests.hostile import refused


def test_tiles_pixel_by_pixel() -> None:
    images = pixels(8, 2, 4, 6)
    tiles = Tiles.of(images, torch.tensor([1, 0]), 2)
    assert tiles.tiles.shape == (2, 2, 4, 6)
    for number, image in enumerate(images):
        tile, place = divmod(number, 4)
        row, column = divmod(place, 2)
        for i in range(2):
            for j in range(3):
                mean = image[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].double().mean(dim=(1, 2)).round()
                assert tiles.tiles[tile, :, 2 * row + i, 3 * column + j].tolist() == mean.tolist()


def test_smooth_images_come_back_and_in_their_order() -> None:
    images = torch.arange(0, 240, 20, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 8, 8).contiguous()
    for side, count in ((1, 12), (2, 3)):
        tiles = Tiles.of(images, torch.arange(count), side)
        x, y = tiles.expand()
        assert torch.equal(x, images)
        assert torch.equal(y, torch.arange(count).repeat_interleave(side**2))


def test_images_of_a_tile_do_not_mix() -> None:
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    images[1] = 255
    x, _ = Tiles.of(images, torch.tensor([0]), 2).expand()
    assert [int(image.min()) for image in x] == [0, 255, 0, 0]
    assert [int(image.max()) for image in x] == [0, 255, 0, 0]


def test_sharpening_adds_the_difference_from_the_mean_of_nine_pixels() -> None:
    images = pixels(3, 2, 5, 7)
    mean = F.avg_pool2d(F.pad(images.double(), (1, 1, 1, 1), mode="replicate"), 3, 1)
    for sharpness in (0, 3, 8):
        wanted = (images + sharpness / 4 * (images - mean)).clamp(0, 255)
        assert (sharpened(images.int(), sharpness) - wanted).abs().max() <= 0.5 + 1e-9


def test_sides_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="images of 9 x 8 pixels do not make tiles of 2 x 2"):
        Tiles.of(pixels(4, 1, 9, 8), torch.tensor([0]), 2)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("tiling", torch.tensor([3, 0]), "holds tiles of 8 x 8 pixels, which 3 x 3 images do not fill"),
        ("tiling", torch.tensor([9, 0]), "holds 9 as images along a side in tiling, expected from 1 to 8"),
        ("tiling", torch.tensor([0, 0]), "holds 0 as images along a side in tiling, expected from 1 to 8"),
        ("tiling", torch.tensor([2, 41]), "holds 41 as sharpness in tiling, expected from 0 to 40"),
        ("y", torch.tensor([-1]), "holds -1 in y"),
        ("y", torch.tensor([0, 1]), r"holds y of int64 \[2\], expected"),
        ("tiles", torch.zeros(1, 1, 0, 8, dtype=torch.uint8), r"holds tiles of shape \[1, 1, 0, 8\], expected images"),
    ],
)
def test_damaged_tensors_are_named(name: str, value: torch.Tensor, match: str) -> None:
    arrays = Tiles.of(pixels(4, 1, 8, 8), torch.tensor([0]), 2).arrays()
    with refused(match):
        Tiles.from_arrays({**arrays, name: value}, 100)
