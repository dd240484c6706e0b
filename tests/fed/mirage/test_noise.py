import math

import numpy as np
import pytest
import torch

from fed.mirage.noise import Noise


def contents(count, start=0):
    return np.arange(start, start + 2 * count, dtype=np.uint64).reshape(count, 2)


def drawn(epsilon, seed=0, **more):
    return Noise.sample(epsilon, torch.Generator().manual_seed(seed), **more)


@pytest.mark.parametrize(("epsilon", "sensitivity"), [(1.0, 1), (0.5, 1), (4.0, 8)])
def test_noise_is_discrete_laplace(epsilon, sensitivity):
    values = drawn(epsilon)("count", contents(40_000), sensitivity)
    q = math.exp(-epsilon / sensitivity)
    for k in range(-3, 4):
        expected = (1 - q) / (1 + q) * q ** abs(k)
        assert abs((values == k).mean() - expected) < 5 * math.sqrt(expected / 40_000)
    assert abs(values.var() / (2 * q / (1 - q) ** 2) - 1) < 0.1


def test_noise_follows_from_secret_kind_and_content_alone():
    noise = drawn(0.1)
    values = noise("a", contents(200))
    order = np.random.default_rng(0).permutation(200)
    assert (noise("a", contents(200)[order]) == values[order]).all()
    for other in (noise("b", contents(200)), noise("a", contents(200, 1000)), drawn(0.1, 1)("a", contents(200))):
        assert (other != values).mean() > 0.8
        assert abs(np.corrcoef(other, values)[0, 1]) < 0.3


def test_nothing_gets_no_noise():
    assert drawn(1.0)("a", contents(0)).shape == (0,)


def test_errors_name_the_value():
    for epsilon in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="epsilon must be above 0 and finite"):
            drawn(epsilon)
    with pytest.raises(ValueError, match="most_nodes must be 1 or more, got 0"):
        drawn(1.0, most_nodes=0)
