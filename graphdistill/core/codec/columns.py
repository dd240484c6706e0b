"""Coding of integers and of rows of integers, number by number."""

from __future__ import annotations

from graphdistill.core.codec.arithmetic import MODE
from graphdistill.core.codec.jit import Ints, jit
from graphdistill.core.codec.model import COUNT, KIND, Model, code_bit, mix2, mix3


@jit
def fold(value: int) -> int:
    """The low 32 bits of a 64-bit integer mixed with its high ones, for hashes."""
    return (value ^ (value >> 32)) & 0xFFFFFFFF


@jit
def code_integer(m: Model, value: int, decode: int, select: int) -> int:
    """Code one signed 64-bit integer in the contexts of ``m.context``; returns it.

    The sign comes first, then how many bits the magnitude has, one decision each, then its bits from the highest.
    Negative numbers are coded as their complement, so that all 64 bits can be used.
    """
    sign = code_bit(m, 1 if value < 0 else 0, 1, select)
    magnitude = ~value if value < 0 else value
    size = 0
    if decode == 0:
        while size < 63 and magnitude >> size:
            size += 1
    length = 0
    while length < 63:
        if not code_bit(m, 1 if size > length else 0, 2 + length, select):
            break
        length += 1
    out = 0
    if length > 0:
        out = 1
        for j in range(length - 2, -1, -1):
            # Below the highest eight, bits have contexts by position alone.
            node = 128 + (length << 8) + (out if length - 1 - j < 8 else 512 + j) * 65536
            out = out * 2 + code_bit(m, (magnitude >> j) & 1, node & 0xFFFFFFFF, select)
    return ~out if sign else out


@jit
def code_part(
    m: Model, kind: int, pool: Ints, at: int, first: int, end: int, source: Ints, start: int, like: int
) -> None:
    """Code columns ``first`` to ``end`` of the record that begins at ``at`` in ``pool``, and write them there.

    Contexts of a column are the columns before it and the same column of another record.

    Args:
        m: the model.
        kind: kind of decisions.
        pool: all integers of records.
        at: where this record begins.
        first: first column to code.
        end: the column after the last one.
        source: where the record lies when encoding.
        start: where it begins there.
        like: where a similar record begins in ``pool``, -1 for none.
    """
    m.reg[KIND] = kind
    context = m.context
    decode = m.reg[MODE]
    for c in range(first, end):
        column = min(c, 250)
        base = mix3(0x51ED270, kind, column)
        similar = mix2(2, fold(pool[like + c])) if like >= 0 else 1
        last = fold(pool[at + c - 1]) if c > 0 else 7
        before = fold(pool[at + c - 2]) if c > 1 else 7
        begin = fold(pool[at]) if c > 0 else 7
        context[0] = base
        context[1] = mix3(base, 1, similar)
        context[2] = mix3(base, 2, last)
        context[3] = mix3(base, 3, begin)
        context[4] = mix2(mix3(base, 4, last), mix2(before, begin))
        context[5] = mix2(mix3(base, 5, begin), similar)
        m.reg[COUNT] = 6
        value = source[start + c] if decode == 0 else 0
        pool[at + c] = code_integer(m, value, decode, min(c, 31))
