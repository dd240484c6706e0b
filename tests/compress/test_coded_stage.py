import zlib

import pytest
import torch
from torch import nn

from graphdistill.compress.coded_stage import GDN, EntropicStage, UniformStage


def test_gdn_divides_by_the_weighted_norm_of_all_channels_and_its_inverse_multiplies():
    torch.manual_seed(0)
    x, layer = torch.randn(2, 3, 4, 5), GDN(3)
    nn.init.normal_(layer.gamma)
    back = GDN(3, inverse=True)
    back.load_state_dict(layer.state_dict())
    for i in range(3):
        norm = sum(layer.gamma[i, j] ** 2 * x[:, j] ** 2 for j in range(3)) + layer.beta[i] ** 2
        torch.testing.assert_close(layer(x)[:, i], x[:, i] / norm.sqrt(), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(back(x)[:, i], x[:, i] * norm.sqrt(), atol=1e-5, rtol=1e-5)
    assert layer(x[:, :, 0, 0]).shape == (2, 3)


@pytest.mark.parametrize("side", [7, 8, 9])
@pytest.mark.parametrize("pool", [1, 2, 3])
def test_feature_maps_have_the_size_that_pooling_leaves(side, pool):
    outside = nn.AvgPool2d(pool)(torch.zeros(1, 6, side, side)).shape[1:]
    stage = EntropicStage((1, side, side), outside, 2, 4)
    assert stage(torch.zeros(3, 1, side, side)).shape == (3, *outside)
    assert stage.encoder(torch.zeros(3, 1, side, side)).shape == (3, *stage.shape)


@pytest.mark.parametrize("bits", [1, 3, 8])
@pytest.mark.parametrize("shape", [(5,), (3, 2, 2)])
def test_uniform_steps_come_back_and_are_half_a_step_off_at_most(bits, shape):
    torch.manual_seed(0)
    x = torch.randn(20, *shape)
    stage = UniformStage(nn.Identity(), x, bits)
    streams = stage.encode(x)
    assert torch.equal(stage.decode(streams), stage(x))
    span = x.amax(dim=(0, *range(2, x.dim()))) - x.amin(dim=(0, *range(2, x.dim())))
    moved = (stage(x) - x).abs().amax(dim=(0, *range(2, x.dim())))
    assert bool((moved <= span / (2**bits - 1) / 2 + 1e-6).all())
    # Never worse than zlib of a byte each.
    assert all(
        len(s) <= 1 + len(zlib.compress(bytes(stage.codes(x)[i].flatten().int().tolist()), 9))
        for i, s in enumerate(streams)
    )
    assert torch.equal(UniformStage(nn.Identity(), x, bits, nn.ReLU())(x), stage(x).relu())


def test_a_channel_of_one_value_is_kept():
    stage = UniformStage(nn.Identity(), torch.full((4, 2), 0.3), 2)
    torch.testing.assert_close(stage(torch.full((1, 2), 0.3)), torch.full((1, 2), 0.3))
