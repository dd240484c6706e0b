from dataclasses import replace

import pytest
import torch
from torch import nn

from graphdistill.core.networks.vit import ViT
from graphdistill.kd.masked_autoencoder import (
    Decoder,
    check_vits,
    encode,
    fine_tune,
    patch_pixels,
    pretrain,
    visible_patches,
)
from tests.kd.samples import images_context


def vit(depth=2, patch=2, seed=0, classes=3):
    torch.manual_seed(seed)
    return ViT((1, 8, 8), classes, patch=patch, width=8, depth=depth, heads=2)


def test_all_patches_visible_is_the_networks_own_pass():
    net, images = vit(), torch.rand(3, 1, 8, 8)
    everything = torch.arange(16).expand(3, -1)
    hidden = encode(net, images, everything)[-1]
    assert torch.allclose(net.head(net.norm(hidden).mean(1)), net(images), atol=1e-6)


def test_later_blocks_do_not_run_and_masked_patches_do_not_matter():
    net, images = vit(depth=3), torch.rand(2, 1, 8, 8)
    net.blocks[2].register_forward_hook(lambda *_: pytest.fail("the last block ran"))
    visible = torch.tensor([[0, 1, 4], [3, 2, 1]])
    found = encode(net, images, visible, blocks=2)
    changed = images.clone()
    changed[:, :, 6:] = 9.0
    assert torch.equal(found[1], encode(net, changed, visible, blocks=2)[1])


def test_patches_are_those_of_a_loop():
    images = torch.rand(2, 3, 7, 8)
    found = patch_pixels(images, 4)
    padded = nn.functional.pad(images, (0, 0, 0, 1))
    for k in range(4):
        row, column = 4 * (k // 2), 4 * (k % 2)
        assert torch.equal(found[:, k], padded[:, :, row : row + 4, column : column + 4].flatten(1))


def test_visible_patches_are_distinct_and_drawn_by_the_generator():
    found = visible_patches(50, 16, 0.75, torch.Generator().manual_seed(0))
    assert found.shape == (50, 4)
    assert all(len(set(row)) == 4 for row in found.tolist())
    assert torch.equal(found, visible_patches(50, 16, 0.75, torch.Generator().manual_seed(0)))
    assert visible_patches(2, 16, 0.999, torch.Generator()).shape == (2, 1)


def test_the_error_is_that_of_masked_patches_alone():
    net, images = vit(), torch.rand(2, 1, 8, 8)
    decoder = Decoder(net, 1, heads=2)
    visible = torch.tensor([[0, 1], [3, 2]])
    decoder.head = nn.Linear(8, 4)
    nn.init.zeros_(decoder.head.weight)
    nn.init.zeros_(decoder.head.bias)
    found = decoder(encode(net, images, visible)[-1], visible, images)
    wanted = [
        torch.stack(
            [patch.square().mean() for k, patch in enumerate(patch_pixels(images, 2)[i]) if k not in seen]
        ).mean()
        for i, seen in enumerate(visible.tolist())
    ]
    assert torch.allclose(found, torch.stack(wanted))


def test_pre_training_lowers_the_error_and_needs_no_labels():
    context = replace(images_context(), student=vit())
    decoder, values = Decoder(context.student, 1, heads=2), []

    def loss(index, draws):
        images = context.data.inputs(index).main
        visible = visible_patches(len(images), 16, 0.5, draws)
        value = decoder(encode(context.student, images, visible)[-1], visible, images).mean()
        values.append(value.item())
        return value

    pretrain(context, [context.student, decoder], loss, 40, "pre-training")
    assert len(values) == 40
    assert sum(values[-5:]) < 0.7 * sum(values[:5])


def test_fine_tuning_sees_the_labelled_entries_alone(monkeypatch):
    context = replace(images_context(), student=vit(), steps=3)
    context.data.labelled = torch.arange(6)
    seen, inputs = [], type(context.data).inputs

    def spy(view, index):
        seen.append(index)
        return inputs(view, index)

    monkeypatch.setattr(type(context.data), "inputs", spy)
    fine_tune(context)
    trained = [index for index in seen if not torch.isin(index, context.data.data.valid).all()]
    assert set(torch.cat(trained).tolist()) <= set(range(6))


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match="dmae needs vision transformers, but the student is a Linear; give a ViT"):
        check_vits(nn.Linear(1, 1), vit(), "dmae")
    with pytest.raises(ValueError, match="the student has 16 of 2 pixels and the teacher 4 of 4; give both one size"):
        check_vits(vit(), vit(patch=4), "dmae")
