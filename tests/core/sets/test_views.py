from __future__ import annotations

import math

import torch

from graphdistill.core.digest import digest
from graphdistill.core.sets.expansion import integers
from graphdistill.core.sets.views import REACH, view, views
from tests.core.sets.samples import pixels


def test_a_view_is_the_affine_map_that_its_numbers_say() -> None:
    images, numbers = (
        pixels(3, 2, 6, 8),
        torch.tensor(
            [[268, -100, 0], [-150, 33, 0], [120, 0, 0], [100, -57, 0], [-64, 0, 0], [0, 200, 0], [0, -50, 0]]
        ),
    )
    for image, got, of in zip(images, view(images, numbers), numbers.T.tolist(), strict=True):
        turn, wide, high, right, down, contrast, light = (number / 1024 for number in of)
        plain = torch.zeros(2, 6, 8, dtype=torch.float64)
        for i in range(6):
            for j in range(8):
                x, y = j - 3.5, i - 2.5
                left = (1 + wide) * x - turn * y + 8 * right + 3.5
                top = (1 + high) * y + turn * x + 6 * down + 2.5
                for row in (math.floor(top), math.floor(top) + 1):
                    for column in (math.floor(left), math.floor(left) + 1):
                        if 0 <= row < 6 and 0 <= column < 8:
                            share = (1 - abs(top - row)) * (1 - abs(left - column))
                            plain[:, i, j] += share * image[:, row, column]
        mean = plain.mean()
        wanted = ((plain - mean) * (1 + contrast) + mean + 255 * light).clamp(0, 255)
        assert (got - wanted).abs().max() < 3


def test_without_changes_an_image_is_itself() -> None:
    images = pixels(4, 3, 8, 10)
    assert torch.equal(views(images, 1, 2, 0), images.repeat_interleave(2, dim=0))


def test_views_of_the_first_images_do_not_depend_on_the_others() -> None:
    images = pixels(600, 1, 4, 4)
    assert torch.equal(views(images, 5, 3, 100)[:30], views(images[:10], 5, 3, 100))


def test_bits_are_the_same_on_every_machine() -> None:
    images = integers(1, 20 * 64, 255).to(torch.uint8).view(20, 1, 8, 8)
    assert digest(views(images, 11, 3, 100)) == "b97f8cbad51255e8536a7fe79434bf9b"


def test_numbers_of_a_view_are_independent() -> None:
    """Each view has its own, and no number of a view follows from another."""
    draws = torch.stack([integers(9 * len(REACH) + i, 4000, 1000) for i in range(len(REACH))]).double()
    assert (draws.corrcoef() - torch.eye(len(REACH))).abs().max() < 0.08


def test_no_images_have_no_views() -> None:
    assert views(pixels(0, 1, 4, 4), 0, 3, 100).shape == (0, 1, 4, 4)
