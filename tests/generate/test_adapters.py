import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from graphdistill.generate.adapters import (
    LowRank,
    adapter_state,
    add_adapters,
    extract_adapters,
    load_adapters,
    merge_adapters,
)
from graphdistill.generate.networks import NetworkConfig
from tests.generate.samples import denoiser


def changed(module):
    """The module with changes that have an effect."""
    torch.manual_seed(1)
    for part in module.modules():
        if isinstance(part, LowRank):
            nn.init.normal_(part.up)
    return module


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.floats(0.1, 8))
def test_a_change_is_that_of_a_dense_matrix(rank, inputs, outputs, alpha):
    torch.manual_seed(0)
    layer = nn.Linear(inputs, outputs).double()
    low = changed(LowRank(layer, rank, alpha))
    dense = layer.weight + alpha / rank * low.up @ low.down
    x = torch.randn(7, inputs, dtype=torch.double)
    torch.testing.assert_close(low(x), x @ dense.T + layer.bias)


@pytest.mark.parametrize("network", ["mlp", "mixer"])
def test_every_linear_layer_is_changed_and_merging_keeps_the_outputs(network):
    model = denoiser((1, 4, 4), config=NetworkConfig(network=network, width=8, depth=2))
    x, y = torch.randn(5, 1, 4, 4), torch.tensor([0, 1, 2, 3, 0])
    linear, before = sum(isinstance(part, nn.Linear) for part in model.modules()), model(x, 0.5, y)
    add_adapters(model, 2)
    assert sum(isinstance(part, LowRank) for part in model.modules()) == linear
    assert torch.equal(model(x, 0.5, y), before)
    changed(model)
    after = model(x, 0.5, y)
    assert not torch.allclose(after, before)
    names = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert names == set(adapter_state(model))
    merge_adapters(model)
    assert not any(isinstance(part, LowRank) for part in model.modules())
    torch.testing.assert_close(model(x, 0.5, y), after, rtol=1e-4, atol=1e-5)


def test_only_the_changes_are_trained_and_they_go_to_another_copy():
    base = denoiser()
    here, there = copy.deepcopy(base), copy.deepcopy(base)
    for model in (here, there):
        add_adapters(model, 1)
    x, y = torch.randn(6, 2), torch.tensor([0, 1, 2, 0, 1, 2])
    optimizer = torch.optim.SGD([weight for weight in here.parameters() if weight.requires_grad], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        here(x, 1.0, y).square().mean().backward()
        optimizer.step()
    frozen = {name: value for name, value in here.state_dict().items() if name not in adapter_state(here)}
    assert all(torch.equal(value, there.state_dict()[name]) for name, value in frozen.items())
    load_adapters(there, adapter_state(here))
    assert torch.equal(there(x, 1.0, y), here(x, 1.0, y))
    # The bytes that are sent are those of the changes alone.
    assert sum(value.numel() for value in adapter_state(here).values()) < sum(p.numel() for p in base.parameters())


def test_changes_of_another_network_are_refused_and_nothing_is_loaded():
    one, other = denoiser(), denoiser()
    add_adapters(one, 1)
    add_adapters(other, 2)
    before = adapter_state(one)
    with pytest.raises(ValueError, match=r"adapters are those of another network: network\..*\.(down|up) differs in"):
        load_adapters(one, adapter_state(changed(other)))
    assert all(torch.equal(value, before[name]) for name, value in adapter_state(one).items())
    with pytest.raises(ValueError, match="adapters are those of another network"):
        load_adapters(one, {})


def test_a_rank_below_one_is_refused():
    with pytest.raises(ValueError, match="rank must be 1 or more, got 0"):
        add_adapters(denoiser(), 0)


def test_a_network_without_linear_layers_is_refused():
    with pytest.raises(ValueError, match="LayerNorm has no linear layers to adapt"):
        add_adapters(nn.LayerNorm(3), 1)


@pytest.mark.parametrize("network", ["mlp", "mixer"])
@pytest.mark.parametrize("rank", [2, 12])
def test_adapters_are_found_again_after_merging(network, rank):
    config = NetworkConfig(network=network, width=8, depth=1)
    base = denoiser((1, 4, 4), config=config)
    model, received = copy.deepcopy(base), copy.deepcopy(base)
    add_adapters(model, rank)
    merge_adapters(changed(model))
    add_adapters(received, rank)
    load_adapters(received, extract_adapters(model, base, rank))
    merge_adapters(received)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(received.state_dict()[name], value, atol=1e-4, rtol=1e-4)


def test_adapters_of_a_lower_rank_are_the_nearest():
    torch.manual_seed(0)
    base, model = nn.Sequential(nn.Linear(5, 4)), nn.Sequential(nn.Linear(5, 4))
    found = extract_adapters(model, base, 2)
    change = model[0].weight - base[0].weight
    size = torch.linalg.svdvals(change)
    error = (change - found["0.up"] @ found["0.down"]).norm()
    torch.testing.assert_close(error, size[2:].norm())


def test_adapters_of_other_networks_are_not_looked_for():
    layers = nn.Sequential(nn.Linear(5, 4)), nn.Sequential(nn.Linear(4, 4))
    with pytest.raises(ValueError, match="networks have other linear layers: 0 differs in name or shape"):
        extract_adapters(*layers, 2)
    with pytest.raises(ValueError, match="rank must be 1 or more, got 0"):
        extract_adapters(layers[0], layers[0], 0)
