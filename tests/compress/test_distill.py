import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from graphdistill.compress import QuantizedConfig, compress_network
from tests.compress.samples import SHORT, trained
from tests.kd.samples import images, mlp


def test_the_given_network_stays_and_a_seed_gives_the_same_bits():
    _, network = trained()
    before = copy.deepcopy(network.state_dict())
    config = QuantizedConfig(bits=2, stochastic=True)
    first, second, other = (
        compress_network(network, images(), config, SHORT, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())
    assert all(torch.equal(a, b) for a, b in zip(first.network.parameters(), second.network.parameters(), strict=True))
    assert not torch.equal(first.network[1].weight, other.network[1].weight)
    assert not first.network.training
    assert all(weight.requires_grad for weight in first.network.parameters())


def test_another_teacher_and_few_labels_change_the_result():
    view, network = trained()
    plain = compress_network(network, images(), config=SHORT)
    teacher = copy.deepcopy(network)
    with torch.no_grad():
        teacher[3].weight.mul_(0.3)
    for words in ({"teacher": teacher}, {"labelled": view.data.train[:6]}):
        found = compress_network(network, images(), config=SHORT, **words)
        assert not torch.equal(found.network[1].weight, plain.network[1].weight)


def test_what_cannot_be_compressed_is_refused():
    _, network = trained()
    with pytest.raises(ValueError, match="the network has 2 logits, but rows has 3 classes; give the data"):
        compress_network(mlp(0, 64, 2), images())
    with pytest.raises(ValueError, match=r"--method 'quantised' is unknown\. Did you mean quantized\?"):
        compress_network(network, images(), "quantised")
    with pytest.raises(ValueError, match="has no float32 weights of two or more dimensions to quantise"):
        compress_network(nn.Sequential(nn.Flatten(), nn.LayerNorm(64)), replace(images(), name="rows"))
    with torch.no_grad():
        network[1].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"the weights 1\.weight hold NaN or infinity; train or fix the network first"):
        compress_network(network, images())
