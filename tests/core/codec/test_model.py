import random

from graphdistill.core.codec.arithmetic import DECODE, ENCODE, ERROR, finish
from graphdistill.core.codec.jit import array, zeros
from graphdistill.core.codec.model import (
    COUNT,
    KIND,
    MAX_CONTEXTS,
    NUM_MODEL_REGISTERS,
    code_bit,
    mix2,
    mix3,
    new_model,
)


def run(bits, buffer, mode, contexts, table=12):
    m = new_model(table, NUM_MODEL_REGISTERS, buffer, mode)
    out = []
    for i in range(len(bits)):
        m.reg[KIND], m.reg[COUNT] = 0, len(contexts)
        for k, context in enumerate(contexts):
            m.context[k] = context(i, out)
        out.append(code_bit(m, bits[i], 1, 0))
    return out, m


def both_ways(bits, contexts, **options):
    buffer = zeros(4096, "uint8")
    _, m = run(bits, buffer, ENCODE, contexts, **options)
    data = finish(m.reg, buffer)
    back, m = run([0] * len(bits), array(list(data), "uint8"), DECODE, contexts, **options)
    assert back == list(bits)
    assert m.reg[ERROR] == 0
    return len(data)


def test_a_pattern_is_learnt_from_its_context():
    bits = [int(i % 3 == 0) for i in range(3000)]
    known = both_ways(bits, [lambda i, _: mix2(7, i % 3)])
    assert known < 20 < both_ways(bits, [lambda i, _: 7])


def test_the_mix_follows_the_context_that_helps():
    draw = random.Random(1)
    bits = [draw.randrange(2) for _ in range(1000)] * 2
    noise = [lambda i, _, k=k: mix3(k, i % 5, 1) for k in range(4)]
    assert both_ways(bits, [*noise, lambda i, _: mix2(9, i % 1000)], table=14) < 1.35 * 1000 / 8


def test_no_context_and_all_contexts():
    draw = random.Random(2)
    bits = [int(draw.random() < 0.2) for _ in range(1000)]
    assert both_ways(bits, []) < 110
    both_ways(bits, [lambda i, _, k=k: mix2(k, i) for k in range(MAX_CONTEXTS - 1)], table=4)


def test_hashes_spread_over_32_bits():
    values = {mix2(a, b) for a in range(100) for b in range(100)}
    assert len(values) == 10_000
    assert max(values) < 2**32
    assert len({v & 4095 for v in values}) > 3500
