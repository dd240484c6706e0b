"""Coding of integers of many bits, such as the patterns of floats, from the highest bit to the lowest."""

from __future__ import annotations

from graphdistill.core.codec.arithmetic import ERROR
from graphdistill.core.codec.jit import Ints, jit
from graphdistill.core.codec.model import COUNT, KIND, Model, code_bit, mix2, mix3

MOST_BITS = 62
"""Most bits of an integer, so that none of 64 bits overflows."""
MODELLED = 12
"""Highest bits whose contexts hold all bits before them; lower ones have their place and the last two bits."""


@jit
def code_bits(m: Model, values: Ints, width: int, bits: int) -> None:
    """Code integers from 0 to ``2**bits - 1`` row by row, in place.

    Args:
        m: the model.
        values: the integers, which decoding writes.
        width: columns.
        bits: bits of each.
    """
    context = m.context
    shift = max(bits - 8, 0)
    m.reg[KIND] = 2
    for i in range(len(values)):
        if m.reg[ERROR]:
            return
        column = i % width
        left = values[i - 1] >> shift if column > 0 else 256
        above = values[i - width] >> shift if i >= width else 256
        context[0] = 0x51
        context[1] = mix2(0x52, column)
        context[2] = mix3(0x53, left, 0)
        context[3] = mix3(0x54, above, column)
        context[4] = mix3(0x55, left, above)
        value, given = 0, values[i]
        for j in range(bits - 1, -1, -1):
            depth = bits - 1 - j
            if depth < MODELLED:
                m.reg[COUNT], node = 5, (1 << depth) + value
            else:
                m.reg[COUNT], node = 2, (1 << MODELLED) + 4 * depth + (value & 3)
            value = 2 * value + code_bit(m, (given >> j) & 1, node, min(depth, 31))
        values[i] = value
