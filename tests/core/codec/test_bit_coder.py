import numpy as np
import pytest

from graphdistill.core.codec.arithmetic import DECODE, ENCODE, ERROR, finish
from graphdistill.core.codec.bit_coder import MOST_BITS, code_bits
from graphdistill.core.codec.jit import array, compile_all, zeros
from graphdistill.core.codec.model import NUM_MODEL_REGISTERS, new_model


def coded(values, width, bits):
    compile_all()
    buffer = zeros(8 * len(values) + 100, "uint8")
    m = new_model(16, NUM_MODEL_REGISTERS, buffer, ENCODE)
    code_bits(m, array(values), width, bits)
    data = finish(m.reg, buffer)
    m = new_model(16, NUM_MODEL_REGISTERS, array(list(data), "uint8"), DECODE)
    back = zeros(len(values))
    code_bits(m, back, width, bits)
    assert list(back) == list(values)
    return len(data)


@pytest.mark.parametrize("bits", [1, 7, 13, 32, MOST_BITS])
def test_integers_come_back(bits):
    values = np.random.default_rng(bits).integers(0, 2**bits, 60).tolist()
    coded([0, 2**bits - 1, *values], 4, bits)


def test_high_bits_are_predicted_and_low_ones_cost_a_bit():
    rng = np.random.default_rng(0)
    values = [(7 << 16) + int(v) for v in rng.integers(0, 2**16, 500)]
    assert 1000 < coded(values, 5, 30) < 1080


def test_the_end_of_a_stream_stops_the_decoder():
    m = new_model(12, NUM_MODEL_REGISTERS, array([1, 2, 3], "uint8"), DECODE)
    back = zeros(10_000)
    code_bits(m, back, 1, 60)
    assert m.reg[ERROR]
    assert not any(back[1000:])
