from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.core.networks.convnet import ConvNet
from graphdistill.core.randomness import scoped


def net(shape: tuple[int, int, int] = (1, 8, 8), **options: Any) -> ConvNet:
    with scoped(0, "weights"):
        return ConvNet(shape, 5, **options)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(4, 33), st.integers(4, 33))
def test_any_shape_of_four_pixels_or_more(channels: int, height: int, width: int) -> None:
    model = net((channels, height, width), width=3)
    x = torch.rand(2, channels, height, width)
    assert model(x).shape == (2, 5)
    assert len(model.features(x)) == len(model.blocks)
    assert model.embed(x).shape == (2, model.head.in_features)


@pytest.mark.parametrize(("side", "depth"), [(4, 1), (8, 2), (16, 3), (28, 3), (64, 3)])
def test_depth_leaves_two_pixels(side: int, depth: int) -> None:
    assert len(net((1, side, side)).blocks) == depth


def test_the_answer_to_an_image_is_its_own() -> None:
    """No statistics of batches: alone or among others, training or not."""
    x = torch.rand(4, 1, 8, 8)
    model = net()
    whole = model.eval()(x)
    torch.testing.assert_close(model.train()(x[2:3]), whole[2:3])


def test_batch_norm_learns_statistics_while_training() -> None:
    x, model = torch.rand(4, 1, 8, 8), net(norm="batch", width=4)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == len(model.blocks) == 2
    before = model.eval()(x)
    torch.testing.assert_close(model(x[2:3]), before[2:3])
    assert not torch.allclose(model.train()(x)[2:3], model(x[2:4])[:1])
    maps = torch.nn.functional.conv2d(x, model.blocks[0][0].weight, model.blocks[0][0].bias, padding=1)  # type: ignore[index]
    fresh = net(norm="batch", width=4).train()
    fresh(x)
    mean = next(m.running_mean for m in fresh.modules() if isinstance(m, torch.nn.BatchNorm2d))
    torch.testing.assert_close(mean, 0.1 * maps.mean(dim=(0, 2, 3)).detach())
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net().modules())


def test_scale_and_mean_of_the_images_hardly_matter_away_from_the_border() -> None:
    model = net((1, 16, 16), depth=1)
    x = torch.rand(2, 1, 16, 16) + 0.5
    inside = [model.features(v)[0][:, :, 1:-1, 1:-1] for v in (x, 7 * x)]
    torch.testing.assert_close(inside[0], inside[1], rtol=1e-2, atol=1e-2)


def test_width_and_weights_are_by_the_caller() -> None:
    assert net(width=7).head.in_features == 7 * 4
    for a, b in zip(net().parameters(), net().parameters(), strict=True):
        assert torch.equal(a, b)


def test_it_differentiates_twice() -> None:
    model, x = net(width=4).double(), torch.rand(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)

    def norm_of_gradient(v: torch.Tensor) -> torch.Tensor:
        grads = torch.autograd.grad(model(v).logsumexp(dim=1).sum(), list(model.parameters()), create_graph=True)
        return torch.stack([g.square().sum() for g in grads]).sum()

    assert torch.autograd.gradcheck(norm_of_gradient, x, eps=1e-7, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 3, 9), {}, "images of 3 x 9 pixels are too small for 1 blocks; give sides of 4 or more"),
        ((1, 8, 8), {"depth": 3}, "images of 8 x 8 pixels are too small for 3 blocks; give sides of 16 or more"),
        ((1, 8, 8), {"depth": 0}, "depth must be 1 or more, got 0"),
        ((1, 8, 8), {"width": 0}, "width must be 1 or more, got 0"),
    ],
)
def test_sizes_that_cannot_be(shape: tuple[int, int, int], options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        net(shape, **options)
