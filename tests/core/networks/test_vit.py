from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.core.networks.vit import ViT
from graphdistill.core.randomness import scoped


def net(shape: tuple[int, int, int] = (1, 8, 8), **options: Any) -> ViT:
    with scoped(0, "weights"):
        return ViT(shape, 5, **{"width": 8, "heads": 2, "depth": 1, **options})


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 33), st.integers(1, 33))
def test_images_of_any_shape(channels: int, height: int, width: int) -> None:
    assert net((channels, height, width))(torch.rand(2, channels, height, width)).shape == (2, 5)


@pytest.mark.parametrize(("side", "patch", "count"), [(8, 2, 16), (28, 4, 49), (32, 4, 64), (64, 9, 64)])
def test_the_default_patch(side: int, patch: int, count: int) -> None:
    model = net((1, side, side))
    assert (model.patch, len(model.positions)) == (patch, count)


def test_patches_are_products_with_the_pixels_of_a_square() -> None:
    model, x = net((2, 5, 6), patch=4), torch.rand(1, 2, 5, 6)
    seen = list[torch.Tensor]()
    model.blocks[0].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    model(x)
    padded = torch.zeros(1, 2, 8, 8)
    padded[:, :, :5, :6] = x
    weight = model.patches.weight.flatten(1)
    for row in range(2):
        for column in range(2):
            square = padded[0, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].flatten()
            want = weight @ square + model.patches.bias + model.positions[2 * row + column]
            torch.testing.assert_close(seen[0][0, 2 * row + column], want)


def test_the_logits_of_an_image_are_its_own_and_its_head_is_called() -> None:
    model, x, seen = net(dropout=0.3).eval(), torch.rand(4, 1, 8, 8), list[torch.Tensor]()
    model.head.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    whole = model(x)
    torch.testing.assert_close(model(x[2:3]), whole[2:3])
    torch.testing.assert_close(seen[0] @ model.head.weight.T + model.head.bias, whole)
    assert not torch.allclose(model(x.flip(-1)), whole)


@pytest.mark.parametrize(("option", "value"), [("patch", 0), ("width", 0), ("depth", 0)])
def test_numbers_below_one_are_refused(option: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{option} must be 1 or more, got {value}"):
        net(**{option: value})
