"""Coding of the most probable classes of many positions and of their probabilities, in few bytes.

The classes of a position are a set, coded by halving: of a range of classes, how many of them lie in its lower half. Of
the probabilities the logarithms are kept, in equal steps: that of the least one, then how many steps each one is above
it. Every decision has an adaptive probability of its own, backed by that of all decisions of its kind.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphdistill.core.codec.arithmetic import DECODE, ENCODE, ERROR, NUM_CODER_REGISTERS, code_with, finish, start
from graphdistill.core.codec.jit import Bytes, Ints, array, jit, zeros

MOST_CLASSES = 1 << 20
"""Largest vocabulary."""
MOST_SLOTS = 1 << 20
"""Most adaptive probabilities of single ranges: 8 MB; those of larger vocabularies share them."""
MOST_COUNT = 250
"""Observations after which an adaptive probability forgets."""
BACKING = 3
"""Observations that the probability of a kind counts for, mixed with that of a single range."""
CAP = 63
"""Numbers of classes are distinguished up to this one."""
PLACES = 14
"""Decisions of a range: one of one class, two of two, three of three, eight of more."""
LENGTHS = 16
"""One more than the bits of the largest number."""
SPANS = 16
"""Least probabilities are distinguished by so many powers of two, for the steps above them."""
NUMBER = LENGTHS + 64 * LENGTHS
"""Decisions of a number."""
HALVES, COUNTS = 0, 1 << 17
LEAST = COUNTS + NUMBER
RESTS = LEAST + NUMBER
STEPS = RESTS + LENGTHS * NUMBER
NUM_KINDS = STEPS + SPANS * (LENGTHS + 1) * NUMBER
"""Where the kinds of decisions begin: halves, numbers of classes, least and remaining probabilities, steps."""


class Coder(NamedTuple):
    """All state of a coder: arrays of integers, which functions change in place.

    Attributes:
        reg: registers of the arithmetic coder.
        buffer: bytes written or read.
        kind: adaptive probabilities of all decisions of a kind.
        node: those of the halves of single ranges.
        known: one more than the bits of the last number of steps of each class; 0 before it came.
        stack: ranges that are still to be halved: their number, their depth and how many classes lie in them.
    """

    reg: Ints
    buffer: Bytes
    kind: Ints
    node: Ints
    known: Ints
    stack: Ints


class Positions(NamedTuple):
    """Integers of some positions, whose classes lie one position after the other.

    Attributes:
        count: number of classes of each position, from 1, ``[n]``.
        least: the negative logarithm of its least probability in steps, ``[n]``.
        rest: the same of the probability of all other classes together, ``[n]``.
        ids: the classes, ascending in each position, ``[sum(count)]``.
        steps: steps of each above the least, ``[sum(count)]``.
    """

    count: Ints
    least: Ints
    rest: Ints
    ids: Ints
    steps: Ints


def encode(positions: Positions, *, most: int, classes: int, scale: int) -> bytes:
    """Code positions; the bytes are the same on every machine.

    Args:
        positions: the positions.
        most: largest number of classes of a position.
        classes: number of classes in all, at most ``MOST_CLASSES``.
        scale: steps of a factor of two.

    Example:
        >>> one = Positions([2], [24], [30], [5, 40], [0, 20])
        >>> data = encode(one, most=2, classes=50, scale=8)
        >>> back = decode(data, 1, most=2, classes=50, scale=8)
        >>> len(data), [[int(value) for value in part] for part in back]
        (6, [[2], [24], [30], [5, 40], [0, 20]])
    """
    given = Positions(*(array(part) for part in positions))
    room = 1024 + 4 * len(given.ids) + 16 * len(given.count)
    while True:
        buffer = zeros(room, np.uint8)
        c = _coder(classes, buffer, ENCODE)
        _code(c, given, most, classes, scale)
        if not c.reg[ERROR]:
            return finish(c.reg, buffer)
        room *= 4


def decode(data: bytes, num: int, *, most: int, classes: int, scale: int) -> Positions:
    """The ``num`` positions of :func:`encode`; memory is that of ``num * most`` classes, whatever the bytes say.

    Raises:
        ValueError: the bytes end before the positions do.
    """
    c = _coder(classes, array(list(data), np.uint8), DECODE)
    out = Positions(zeros(num), zeros(num), zeros(num), zeros(num * most), zeros(num * most))
    _code(c, out, most, classes, scale)
    if c.reg[ERROR]:
        raise ValueError("is cut short")
    used = sum(int(count) for count in out.count)
    count, least, rest, ids, steps = (np.asarray(part, np.int64) for part in out)
    return Positions(count, least, rest, ids[:used], steps[:used])


def _coder(classes: int, buffer: Any, mode: int) -> Coder:
    """The state before the first position."""
    slots = PLACES << (classes - 1).bit_length()
    reg = zeros(NUM_CODER_REGISTERS)
    start(reg, buffer, mode)
    node = zeros(min(1 << (slots - 1).bit_length(), MOST_SLOTS))
    return Coder(reg, buffer, zeros(NUM_KINDS), node, zeros(classes), zeros(3 * MOST_CLASSES.bit_length() + 3))


@jit
def _decide(c: Coder, bit: int, kind: int, node: int) -> int:
    """Code a decision of a kind, and of a range unless ``node`` is -1; returns it.

    A slot holds a probability in 22 bits, then in 10 the observations that it comes from.
    """
    slot = c.kind[kind]
    p, n = slot >> 10, slot & 1023
    if n == 0:
        p = 1 << 21
    q, own = p, 0
    if node >= 0:
        slot = c.node[node]
        q, own = slot >> 10, slot & 1023
    mixed = (q * own + p * BACKING) // (own + BACKING) >> 6
    bit = code_with(c.reg, c.buffer, bit, min(max(mixed, 32), 65536 - 32))
    target = (bit << 22) - bit
    p += 2 * (target - p) // (2 * n + 3)
    c.kind[kind] = p << 10 | min(n + 1, MOST_COUNT)
    if node >= 0:
        q += (target - q) // (own + 1)
        c.node[node] = q << 10 | min(own + 1, MOST_COUNT)
    return bit


@jit
def _length(value: int) -> int:
    """Bits of ``value + 1`` below the highest one."""
    length = 0
    while (value + 1) >> (length + 1):
        length += 1
    return length


@jit
def _code_number(c: Coder, value: int, kind: int) -> int:
    """Code a number of 0 or more: how many bits ``value + 1`` has in unary, then all but the highest; returns it."""
    size = _length(value)
    length = 0
    while length < LENGTHS - 1 and _decide(c, 1 if size > length else 0, kind + length, -1):
        length += 1
    out = 1
    for j in range(length - 1, -1, -1):
        # Of bits after the first five only the place is known.
        prefix = out if length - 1 - j < 5 else 32 + j
        out = 2 * out + _decide(c, ((value + 1) >> j) & 1, kind + LENGTHS + 64 * length + prefix, -1)
    return out - 1


@jit
def _code_set(c: Coder, ids: Ints, at: int, count: int, classes: int, depth: int) -> None:
    """Code ``count`` ascending classes below ``classes``, no more than ``2**depth``, at ``at`` of ``ids``."""
    stack = c.stack
    top = 3
    stack[0], stack[1], stack[2] = 1, 0, count
    while top > 0:
        top -= 3
        node, level, n = stack[top], stack[top + 1], stack[top + 2]
        low = (node << (depth - level)) - (1 << depth)
        if level == depth:
            ids[at] = low
            at += 1
            continue
        middle = low + (1 << (depth - level - 1))
        upper = max(min(middle + middle - low, classes) - middle, 0)
        lower = 0
        while lower < min(n, middle - low):
            if n - lower <= upper:
                kind = HALVES + (level * (CAP + 1) + min(n, CAP)) * (CAP + 1) + min(lower, CAP)
                place = n * (n - 1) // 2 + lower if n < 4 else 6 + 8 * lower // n
                own = (node * PLACES + place) & (len(c.node) - 1)
                if not _decide(c, 1 if ids[at + lower] < middle else 0, kind, own):
                    break
            lower += 1
        if n > lower:
            stack[top], stack[top + 1], stack[top + 2] = 2 * node + 1, level + 1, n - lower
            top += 3
        if lower > 0:
            stack[top], stack[top + 1], stack[top + 2] = 2 * node, level + 1, lower
            top += 3


@jit
def _code(c: Coder, x: Positions, most: int, classes: int, scale: int) -> None:
    """Code all positions in place."""
    depth = 0
    while (1 << depth) < classes:
        depth += 1
    at = 0
    for i in range(len(x.count)):
        # A damaged stream may name any number.
        count = min(max(most - _code_number(c, most - x.count[i], COUNTS), 1), most)
        least = _code_number(c, x.least[i], LEAST)
        x.rest[i] = _code_number(c, x.rest[i], RESTS + NUMBER * min(_length(least), LENGTHS - 1))
        x.count[i], x.least[i] = count, least
        _code_set(c, x.ids, at, count, classes, depth)
        span = min(least // scale, SPANS - 1)
        for j in range(at, at + count):
            known = x.ids[j]
            steps = _code_number(c, x.steps[j], STEPS + NUMBER * (span * (LENGTHS + 1) + c.known[known]))
            x.steps[j] = steps
            c.known[known] = min(_length(steps), LENGTHS - 1) + 1
        at += count
        if c.reg[ERROR]:
            return
