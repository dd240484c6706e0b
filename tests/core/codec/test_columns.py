import pytest

from graphdistill.core.codec.arithmetic import DECODE, ENCODE, finish
from graphdistill.core.codec.columns import code_integer, code_part
from graphdistill.core.codec.jit import array, zeros
from graphdistill.core.codec.model import COUNT, KIND, NUM_MODEL_REGISTERS, new_model

EDGES = [0, 1, -1, 2, -2, 127, 128, 255, -256, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63), 2**40 + 12345]


def coder(mode, data=None):
    buffer = zeros(4096, "uint8") if data is None else array(list(data), "uint8")
    m = new_model(12, NUM_MODEL_REGISTERS, buffer, mode)
    m.reg[KIND], m.reg[COUNT] = 6, 1
    return m, buffer


@pytest.mark.parametrize("values", [EDGES, [5] * 100, list(range(-300, 300))], ids=["edges", "same", "range"])
def test_integers_of_64_bits_come_back(values):
    m, buffer = coder(ENCODE)
    for value in values:
        code_integer(m, value, 0, 0)
    m, _ = coder(DECODE, finish(m.reg, buffer))
    assert [code_integer(m, 0, 1, 0) for _ in values] == values


def test_rows_learn_from_other_rows():
    rows = [[k % 7, k % 7 + 1, -(2**63), 3] for k in range(200)]
    flat = array([v for row in rows for v in row])
    m, buffer = coder(ENCODE)
    pool = zeros(800)
    for k in range(200):
        code_part(m, 6, pool, 4 * k, 0, 4, flat, 4 * k, 4 * k - 28 if k >= 7 else -1)
    data = finish(m.reg, buffer)
    assert len(data) < 150
    m, _ = coder(DECODE, data)
    back = zeros(800)
    for k in range(200):
        code_part(m, 6, back, 4 * k, 0, 4, zeros(1), 0, 4 * k - 28 if k >= 7 else -1)
    assert list(back) == list(flat)
