import random

import pytest

from graphdistill.core.codec.arithmetic import (
    DECODE,
    ENCODE,
    ERROR,
    NUM_CODER_REGISTERS,
    OVERRUN,
    POSITION,
    code_with,
    finish,
    start,
)
from graphdistill.core.codec.jit import array, zeros


def encode(bits, size=4096):
    reg, buffer = zeros(NUM_CODER_REGISTERS), zeros(size, "uint8")
    start(reg, buffer, ENCODE)
    for bit, p in bits:
        code_with(reg, buffer, bit, p)
    return finish(reg, buffer), int(reg[ERROR])


def decode(data, chances):
    reg, buffer = zeros(NUM_CODER_REGISTERS), array(list(data), "uint8")
    start(reg, buffer, DECODE)
    return [code_with(reg, buffer, 0, p) for p in chances], reg


@pytest.mark.parametrize("chances", [(32768,), (1, 65535), (1, 100, 40000, 65535)])
@pytest.mark.parametrize("length", [0, 1, 7, 2000])
def test_bits_come_back(chances, length):
    draw = random.Random(length)
    bits = []
    for _ in range(length):
        p = draw.choice(chances)
        bits.append((int(draw.random() * 65536 < p), p))
    data, error = encode(bits)
    back, reg = decode(data, [p for _, p in bits])
    assert error == 0
    assert back == [bit for bit, _ in bits]
    assert reg[ERROR] == 0
    assert reg[POSITION] <= len(data) + 4


def test_the_length_is_the_entropy():
    draw = random.Random(0)
    data, _ = encode([(int(draw.random() < 0.1), 6554) for _ in range(20_000)], size=10_000)
    assert len(data) == pytest.approx(20_000 * 0.469 / 8, rel=0.02)


def test_probable_bits_take_no_bytes():
    assert encode([(1, 65535)] * 1000)[0] in (b"", b"\x00")


def test_a_full_buffer_and_a_stream_that_ends_are_errors():
    assert encode([(1, 1)] * 100)[1] == 0
    assert encode([(1, 1)] * 100, size=8)[1] == OVERRUN
    data, _ = encode([(1, 1)] * 100)
    assert decode(data[: len(data) // 2], [1] * 100)[1][ERROR] == OVERRUN
