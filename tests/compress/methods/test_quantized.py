import copy

import pytest
import torch
import torch.nn.functional as F

from graphdistill.compress.context import Context
from graphdistill.compress.levels import even_levels
from graphdistill.compress.methods import quantized
from graphdistill.compress.methods.quantized import Config, allocate, baselines, gradient_norms, quantize, rounded
from graphdistill.kd.config import KDConfig
from tests.compress.samples import SHORT, trained


def compressed(config, training=SHORT, **words):
    view, network = trained()
    return quantized.compress(Context(network=network, teacher=trained()[1], data=view, training=training), config)


def by_hand(weight, bucket_size=256, levels=4):
    """Even levels in buckets, with the gradient of the identity."""
    parts = []
    for bucket in weight.flatten().split(bucket_size):
        low, span = bucket.min(), bucket.max() - bucket.min()
        parts.append(low + span * ((bucket - low) / span * (levels - 1)).round() / (levels - 1))
    found = torch.cat(parts).view_as(weight).detach()
    return weight + (found - weight).detach()


def test_a_full_batch_is_adam_on_the_float_weights_with_gradients_of_the_quantised():
    view, network = trained()
    expected, teacher = copy.deepcopy(network), copy.deepcopy(network)
    x, y = view.data.images[view.train].flatten(1), view.data.y[view.train]
    target = (teacher(x) / 2).softmax(1).detach()
    optimizer = torch.optim.AdamW(expected.parameters(), lr=0.01, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3)
    one, two = expected[1], expected[3]
    for _ in range(3):
        hidden = F.linear(x, by_hand(one.weight), one.bias).relu()
        z = F.linear(hidden, by_hand(two.weight), two.bias)
        divergence = F.kl_div((z / 2).log_softmax(1), target, reduction="batchmean")
        loss = 0.7 * 4 * divergence + 0.3 * F.cross_entropy(z, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    training = KDConfig(steps=3, batch_size=60, lr=0.01, weight_decay=0.0, eval_every=3)
    found = compressed(Config(bits=2), training)
    torch.testing.assert_close(found.network[1].bias, one.bias, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.network[1].weight, by_hand(one.weight), atol=1e-4, rtol=1e-3)


def test_levels_are_trained_alone():
    _, network = trained()
    found = compressed(Config(bits=2, trained="levels"))
    assert torch.equal(found.network[1].bias, network[1].bias)
    part = found.parts["1.weight"]
    low, high = network[1].weight.detach().flatten()[:256].aminmax()
    torch.testing.assert_close(part.low[0], low)
    torch.testing.assert_close(part.span[0], high - low)
    assert not torch.equal(part.levels, even_levels(4))
    assert all(weight.requires_grad for weight in found.network.parameters())


def test_frozen_weights_stay_frozen():
    view, network = trained()
    network[3].requires_grad_(False)
    before = network[3].bias.clone()
    found = quantized.compress(Context(network=network, teacher=trained()[1], data=view, training=SHORT), Config())
    assert [weight.requires_grad for weight in found.network.parameters()] == [True, True, False, False]
    assert torch.equal(found.network[3].bias, before)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_rounding_needs_no_training_and_is_nearer_with_more_bits(bits):
    _, network = trained()
    found = compressed(Config(bits=bits, trained="nothing"))
    assert torch.equal(found.network[1].weight, rounded(network, bits).network[1].weight)
    assert all(int(part.codes.max()) == 2**bits - 1 for part in found.parts.values())
    torch.testing.assert_close(
        found.network[1].weight, by_hand(network[1].weight, levels=2**bits).detach(), atol=1e-6, rtol=1e-5
    )


def test_distillation_is_what_labels_alone_lack():
    rows = baselines(Config(bits=2, stochastic=True))
    assert list(rows) == ["rounding", "labels alone"]
    assert rows["rounding"] == Config(bits=2, trained="nothing")
    assert (rows["labels alone"].weight, rows["labels alone"].label_weight) == (0, 1)
    assert baselines(Config(trained="nothing")) == {}
    assert not torch.equal(
        compressed(rows["labels alone"]).network[1].weight, compressed(Config(bits=2)).network[1].weight
    )


def test_levels_go_where_the_gradient_is_large():
    assert allocate({"a": 0.0, "b": 0.0}, 2) == {"a": 4, "b": 4}
    assert allocate({"a": 1.0, "b": 0.0, "c": 0.0}, 1) == {"a": 4, "b": 2, "c": 2}
    assert allocate({"a": 1.0, "b": 0.0}, 8) == {"a": 256, "b": 128}
    found = compressed(Config(bits=3, allocation="gradient"))
    counts = {name: len(part.levels) for name, part in found.parts.items()}
    assert sum(counts.values()) == 16
    view, network = trained()
    norms = gradient_norms(quantize(network, Config(bits=3, trained="nothing")), view)
    assert counts == allocate(norms, 3)
    one, two = network[1], network[3]
    weights = [by_hand(layer.weight, levels=8).detach().requires_grad_(True) for layer in (one, two)]
    x, y = view.data.images[view.train].flatten(1), view.data.y[view.train]
    z = F.linear(F.linear(x, weights[0], one.bias).relu(), weights[1], two.bias)
    gradients = torch.autograd.grad(F.cross_entropy(z, y, reduction="sum"), weights)
    torch.testing.assert_close(list(norms.values()), [float(g.norm()) for g in gradients], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"bits": 0}, "--bits must be 1 to 8, got 0"),
        ({"bits": 9}, "--bits must be 1 to 8, got 9"),
        ({"bucket_size": 1}, "--bucket-size must be 2 or more, got 1"),
        ({"stochastic": True, "trained": "levels"}, "--trained is levels; leave one of them out"),
        ({"temperature": 0.0}, "--temperature must be above 0, got 0"),
        ({"weight": -1.0}, "--weight must be 0 or more, got -1"),
        ({"label_weight": float("nan")}, "--label-weight must be 0 or more, got nan"),
        ({"weight": 0.0, "label_weight": 0.0}, "both 0, so that nothing is learned"),
    ],
)
def test_options_out_of_range_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        Config(**words)
