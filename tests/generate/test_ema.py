import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from graphdistill.generate.ema import EMA


@given(st.floats(0, 0.999), st.lists(st.floats(-10, 10), min_size=1, max_size=20))
def test_the_mean_is_that_of_a_loop(decay, values):
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, 3.0)
    mean, expected = EMA(layer, decay), 3.0
    for step, value in enumerate(values, start=1):
        nn.init.constant_(layer.weight, value)
        mean.update(layer)
        keep = min(decay, step / (step + 10))
        expected = keep * expected + (1 - keep) * value
    np.testing.assert_allclose(mean.module.weight.item(), expected, rtol=1e-4, atol=1e-4)


def test_the_mean_is_another_module_that_gets_no_gradients():
    layer = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    mean = EMA(layer, 0.5)
    assert not any(weight.requires_grad for weight in mean.module.parameters())
    assert not mean.module.training
    assert layer.training
    assert all(weight.requires_grad for weight in layer.parameters())
    before = mean.module[0].weight.clone()
    nn.init.zeros_(layer[0].weight)
    assert torch.equal(mean.module[0].weight, before)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match=f"decay must be 0 or more and below 1, got {decay}"):
        EMA(nn.Linear(1, 1), decay)
