import numpy as np
import pytest

from graphdistill.core.codec.arithmetic import DECODE, ENCODE, finish
from graphdistill.core.codec.jit import array, compile_all, zeros
from graphdistill.core.codec.model import NUM_MODEL_REGISTERS, new_model
from graphdistill.core.codec.residual_coder import MOST_LEVELS, UNIT, code_level


def coded(levels, expected, num_levels, mean, scale):
    compile_all()
    law = array([16 * mean, (1 << 24) // scale] * 3)
    buffer = zeros(1 << 14, "uint8")
    m = new_model(14, NUM_MODEL_REGISTERS, buffer, ENCODE)
    for level, near in zip(levels, expected, strict=True):
        assert code_level(m, level, near, num_levels, 0, law) == level
    data = finish(m.reg, buffer)
    m = new_model(14, NUM_MODEL_REGISTERS, array(list(data), "uint8"), DECODE)
    assert [code_level(m, 0, near, num_levels, 0, law) for near in expected] == list(levels)
    return len(data)


@pytest.mark.parametrize("num_levels", [1, 2, 3, 7, 8, 9])
def test_every_level_comes_back_for_every_prediction(num_levels):
    pairs = [(level, near) for level in range(num_levels) for near in range(num_levels)]
    coded(*zip(*pairs, strict=True), num_levels, num_levels // 2, 16)


def test_the_largest_range_comes_back():
    levels = [0, 1, 40_000, MOST_LEVELS - 1, 12_345]
    coded(levels, [MOST_LEVELS - 1, 0, 20_000, 7, 12_345], MOST_LEVELS, 3, 16 * 1000)


def test_a_right_distribution_is_learnt_fast():
    rng = np.random.default_rng(0)
    levels = np.clip(np.round(rng.logistic(100, 4, 400)), 0, 255).astype(int).tolist()
    # A logistic distribution of scale s has ln s + 2 nats.
    entropy = 400 * (np.log(4) + 2) / np.log(2) / 8
    assert coded(levels, [100] * 400, 256, 100, 4 * UNIT) < 1.12 * entropy
