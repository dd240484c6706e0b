import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphdistill.compress import compress_network
from graphdistill.compress.context import Context
from graphdistill.compress.methods import sparse_2_4
from graphdistill.compress.methods.sparse_2_4 import Config, baselines, mean_squares, pruned, sparsify
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.evaluate import build
from tests.compress.samples import SHORT, trained
from tests.kd.samples import images, molecules, nodes, windows


def compressed(config, training=SHORT, network=None):
    view, own = trained()
    context = Context(network=network or own, teacher=trained()[1], data=view, training=training)
    return sparse_2_4.compress(context, config)


def two_of_four(score):
    """Mask of the two largest of four, by sorting."""
    groups = score.reshape(-1, 4)
    least = groups.sort(dim=1, descending=True).values[:, 1:2]
    return (groups >= least).view_as(score)


def zeros_of_four(weight):
    return (weight.detach().reshape(-1, 4) == 0).sum(dim=1)


@pytest.mark.parametrize("words", [{}, {"weight": 0.0, "label_weight": 1.0}, {"feature_weight": 0.5}])
def test_a_full_batch_is_adam_below_masks_with_a_decay_that_rises(words):
    view, network = trained()
    config = Config(mask_every=2, decay=0.1, ramp=1.0, temperature=2.0, **words)
    expected, teacher = copy.deepcopy(network), copy.deepcopy(network)
    x, y = view.data.images[view.train].flatten(1), view.data.y[view.train]
    hidden_t = teacher[1](x).relu().detach()
    target = (teacher(x) / 2).softmax(1).detach()
    optimizer = torch.optim.AdamW(expected.parameters(), lr=0.01, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4)
    layers = [expected[1], expected[3]]
    masks = [two_of_four(layer.weight.abs()) for layer in layers]
    first = masks
    for step in range(1, 5):
        weights = [
            layer.weight + (layer.weight * (m.float() - 1)).detach() for layer, m in zip(layers, masks, strict=True)
        ]
        hidden = F.linear(x, weights[0], layers[0].bias).relu()
        z = F.linear(hidden, weights[1], layers[1].bias)
        divergence = 4 * F.kl_div((z / 2).log_softmax(1), target, reduction="batchmean")
        square = (hidden - hidden_t).square().mean() / hidden_t.square().mean()
        loss = config.weight * divergence + config.label_weight * F.cross_entropy(z, y)
        loss = loss + config.feature_weight * square
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for layer, mask in zip(layers, masks, strict=True):
                layer.weight[~mask] *= 1 - 0.1 * step / 4
        if step % 2 == 0:
            masks = [two_of_four(layer.weight.abs()) for layer in layers]
    found = compressed(config, KDConfig(steps=4, batch_size=60, lr=0.01, weight_decay=0.0, eval_every=4))
    assert not torch.equal(masks[0], first[0])
    for layer, mask, place in zip(layers, masks, (1, 3), strict=True):
        torch.testing.assert_close(found.network[place].weight, layer.weight * mask, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(found.network[place].bias, layer.bias, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("words", [{}, {"criterion": "activations"}, {"trained": "nothing"}, {"slorb": 4}])
def test_exactly_two_of_four_are_zero(words):
    found = compressed(Config(**words))
    assert found.parts.keys() == {"1.weight", "3.weight"}
    for name, part in found.parts.items():
        assert bool((part.mask.view(-1, 4).sum(dim=1) == 2).all())
        weight = found.network.get_parameter(name)
        assert torch.equal(weight, part.weight)
        assert "slorb" in words or bool((zeros_of_four(weight) == 2).all())


@pytest.mark.parametrize(("sparsity", "share"), [("50", 0.5), ("75", 0.75)])
def test_a_share_of_each_layer_is_zero(sparsity, share):
    found = compressed(Config(sparsity=sparsity))
    for part in found.parts.values():
        assert int((part.weight == 0).sum()) == share * part.mask.numel()
        assert int(part.mask.sum()) == (1 - share) * part.mask.numel()


def test_pruning_alone_needs_no_data():
    _, network = trained()
    found = pruned(network)
    expected = network[1].weight * two_of_four(network[1].weight.abs())
    assert torch.equal(found.network[1].weight, expected)
    assert torch.equal(found.network[1].weight, compressed(Config(trained="nothing")).network[1].weight)
    assert torch.equal(found.network[1].bias, network[1].bias)


def test_masks_that_stay_and_masks_that_change():
    _, network = trained()
    first = pruned(network).parts["1.weight"].mask
    kept = compressed(Config(mask_every=0, decay=0.0))
    assert torch.equal(kept.parts["1.weight"].mask, first)
    assert not torch.equal(kept.network[1].weight, pruned(network).network[1].weight)
    assert not torch.equal(compressed(Config(mask_every=1, decay=0.0)).parts["1.weight"].mask, first)


def test_inputs_of_large_activations_are_kept():
    view, network = trained()
    x = view.data.images[view.data.train].flatten(1)
    found = compressed(Config(criterion="activations", trained="nothing"))
    score = network[1].weight.detach().abs() * x.square().mean(dim=0).sqrt()
    assert torch.equal(found.parts["1.weight"].mask, two_of_four(score))
    maps, kernel = torch.rand(2, 6, 3, 3), torch.rand(4, 3, 2, 2)
    torch.testing.assert_close(mean_squares(maps, kernel), maps.square().mean(dim=(0, 2, 3)))
    # Of two groups of channels, the first half of the outputs sees the first one.
    conv = nn.Conv2d(6, 4, 2, groups=2)
    squares = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    masks = sparsify(conv, Config(sparsity="75", criterion="activations"), {"weight": squares}).items()[0][2].mask
    kept = masks.flatten(2).any(dim=2)
    assert kept[:2].tolist() == [[True, False, False]] * 2
    assert kept[2:].tolist() == [[False, False, True]] * 2


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (nodes, "GCN-16", {"criterion": "activations", "feature_weight": 1.0}),
        (molecules, "GIN-16", {"criterion": "activations"}),
        (windows, "Transformer-32", {"feature_weight": 1.0}),
        (images, "ConvNet-8", {"sparsity": "75", "slorb": 8}),
    ],
)
def test_networks_of_all_kinds_of_data_become_sparse(data, name, words):
    view = view_of(data())
    network = build(view, name, "student", 0)
    found = compress_network(network, data(), Config(**words), KDConfig(steps=2, eval_every=2))
    assert found.parts
    for part in found.parts.values():
        share = part.mask.float().mean().item()
        assert share == pytest.approx(0.25 if words.get("sparsity") == "75" else 0.5, abs=0.11)
    assert not [hook for part in found.network.modules() for hook in part._forward_pre_hooks]


def test_baselines_lack_the_training_or_the_teacher():
    config = Config(sparsity="75", slorb=16, feature_weight=1.0)
    rows = baselines(config)
    assert list(rows) == ["one-shot pruning", "labels alone"]
    assert rows["one-shot pruning"] == replace(config, trained="nothing")
    assert rows["labels alone"] == replace(config, weight=0.0, label_weight=1.0, feature_weight=0.0)
    assert baselines(rows["one-shot pruning"]) == {}


def test_what_cannot_be_pruned_is_refused():
    network = build(view_of(molecules()), "GIN-16", "student", 0)
    with pytest.raises(ValueError, match=r"--feature-weight is not for graphs, but .* holds graphs"):
        compress_network(network, molecules(), Config(feature_weight=1.0))
    with pytest.raises(ValueError, match="has no float32 weights of two or more dimensions to prune"):
        pruned(nn.Sequential(nn.Embedding(4, 3), nn.LayerNorm(3)))
    network = nn.Linear(3, 2)
    with torch.no_grad():
        network.weight[0, 0] = float("inf")
    with pytest.raises(ValueError, match="the weights weight hold NaN or infinity"):
        pruned(network)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"mask_every": -1}, "--mask-every must be 0 or more, got -1"),
        ({"slorb": -1}, "--slorb must be 0 or more, got -1"),
        ({"decay": 1.0}, "--decay must be from 0 to below 1, got 1"),
        ({"ramp": 1.5}, r"--ramp must be from 0 to 1, got 1\.5"),
        ({"temperature": 0.0}, "--temperature must be above 0, got 0"),
        ({"weight": -1.0}, "--weight must be 0 or more, got -1"),
        ({"feature_weight": float("nan")}, "--feature-weight must be 0 or more, got nan"),
        ({"weight": 0.0, "label_weight": 0.0}, "are all 0, so that nothing is learned"),
    ],
)
def test_options_out_of_range_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        Config(**words)
