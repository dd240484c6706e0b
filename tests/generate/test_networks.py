import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphdistill.generate.networks import DenoisingMixer, NetworkConfig
from tests.generate.samples import denoiser

MLP, MIXER = NetworkConfig(width=8, depth=2), NetworkConfig(network="mixer", width=8, depth=2)


def inputs(n=5, seed=0):
    torch.manual_seed(seed)
    return torch.randn(n, 2, 4, 6), torch.randn(n), torch.arange(n) % 4


def perceptron(block, x, scale, shift):
    """A residual block on one vector, an entry at a time."""
    normed = (x - x.mean()) / (x.var(correction=0) + block.norm.eps).sqrt()
    return block.down(F.silu(block.up(normed * (1 + scale) + shift)))


def condition(part, level, label):
    angle = level * part.frequencies
    return F.silu(part.level(torch.cat([angle.sin(), angle.cos()])) + part.label.weight[label])


def test_a_perceptron_is_that_of_a_loop_over_entries():
    net = denoiser((2, 4, 6), 3, config=MLP).network
    x, level, y = inputs()
    for i, found in enumerate(net(x, level, y)):
        of = condition(net.condition, level[i], y[i])
        hidden = net.first(x[i].reshape(-1))
        for block in net.blocks:
            hidden = hidden + perceptron(block, hidden, *block.film(of).chunk(2))
        torch.testing.assert_close(found.reshape(-1), net.last(net.norm(hidden)), rtol=1e-4, atol=1e-4)


def test_a_mixer_is_that_of_a_loop_over_patches():
    net = denoiser((2, 4, 6), 3, config=MIXER).network
    x, level, y = inputs()
    corners = [(top, left) for top in (0, 2) for left in (0, 2, 4)]
    for i, found in enumerate(net(x, level, y)):
        of = condition(net.condition, level[i], y[i])
        patches = [x[i, :, top : top + 2, left : left + 2] for top, left in corners]
        kernel = net.first.weight.flatten(1)
        tokens = torch.stack([kernel @ patch.reshape(-1) + net.first.bias for patch in patches]) + net.positions
        for block in net.blocks:
            over = block.over_tokens
            scale, shift = over.film(of).chunk(2)
            normed = torch.stack([F.layer_norm(token, (8,)) * (1 + scale) + shift for token in tokens])
            mixed = [over.down(F.silu(over.up(normed[:, d]))) for d in range(8)]
            tokens = tokens + torch.stack(mixed, dim=1)
            over = block.over_features
            tokens = torch.stack([token + perceptron(over, token, *over.film(of).chunk(2)) for token in tokens])
        for (top, left), token in zip(corners, tokens, strict=True):
            patch = net.last(net.norm(token)).reshape(2, 2, 2)
            torch.testing.assert_close(found[:, top : top + 2, left : left + 2], patch, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("config", [MLP, MIXER], ids=lambda config: config.network)
def test_a_fresh_network_returns_zeros_and_guidance_begins_without_effect(config):
    torch.manual_seed(0)
    net = config.build((2, 4, 6), 3)
    x, level, y = inputs()
    assert torch.equal(net(x, level, y), torch.zeros_like(x))
    hidden = [net.hidden(x, level, y, guidance) for guidance in (None, torch.full((5,), 4.0))]
    assert torch.equal(*hidden)
    nn.init.ones_(net.condition.guidance.weight)
    nn.init.normal_(net.last.weight)
    for block in net.blocks:
        for part in block.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight)
    outs = [net(x, level, y, guidance) for guidance in (None, torch.zeros(5), torch.full((5,), 4.0))]
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])


@pytest.mark.parametrize("config", [MLP, MIXER], ids=lambda config: config.network)
def test_level_and_class_matter_and_entries_do_not_touch(config):
    net = denoiser((2, 4, 6), 3, config=config).network
    x, level, y = inputs()
    out = net(x, level, y)
    assert not torch.allclose(net(x, level + 0.5, y), out)
    assert not torch.allclose(net(x, level, (y + 1) % 4), out)
    torch.testing.assert_close(net(x[2:3], level[2:3], y[2:3]), out[2:3])


@pytest.mark.parametrize(
    ("words", "shape", "message"),
    [
        ({"width": 0}, (2,), "width must be 1 or more, got 0"),
        ({"depth": 0}, (2,), "depth must be 1 or more, got 0"),
        ({"patch": 0}, (2,), "patch must be 1 or more, got 0"),
        ({"network": "unet"}, (2,), "network must be mlp or mixer, got 'unet'"),
        ({"network": "mixer", "patch": 4}, (1, 6, 8), "patch must divide the sides of images of 6 x 8 pixels, got 4"),
        ({"network": "mixer"}, (5,), r"a mixer takes images \[channels, height, width\], got entries of shape \[5\]"),
    ],
)
def test_what_cannot_be_built_is_refused(words, shape, message):
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**words).build(shape, 3)


def test_channels_and_sides_may_differ():
    net = DenoisingMixer((3, 4, 8), 2, NetworkConfig(network="mixer", width=8, patch=4))
    assert net(torch.randn(2, 3, 4, 8), torch.zeros(2), torch.tensor([0, 2])).shape == (2, 3, 4, 8)
