"""Coding of one level near a prediction, by few decisions whose odds logistic distributions suggest.

A level is equal to the prediction, or below or above it by a number of so many bits. For each decision, three logistic
distributions around predicted values say how likely it is; each of these probabilities, in steps, is one context, which
learns how far such probabilities can be trusted.
"""

from __future__ import annotations

from graphdistill.core.codec.jit import Ints, jit
from graphdistill.core.codec.model import COUNT, SQUASH, STRETCH, Model, code_bit, mix3

UNIT = 16
"""Predictions are in sixteenths of a level."""
MOST_LEVELS = 1 << 16
"""Most levels that a value may have."""
DISTRIBUTIONS = 3
"""Logistic distributions of each level."""
SALT = 0x1E3779B1
"""What ``code_bit`` multiplies the number of a decision by before it changes all contexts by it."""


@jit
def _below(m: Model, level: int, half: int, mean: int, steepness: int) -> int:
    """Probability in 16 bits of all that is below ``level - 1/2``, or with ``half`` 1 below ``level + 1/2``."""
    x = ((level * UNIT + (2 * half - 1) * (UNIT >> 1) - mean) * steepness) >> 16
    p: int = m.tables[SQUASH + min(max(x, -3071), 3071)]
    return p


@jit
def _decide(
    m: Model, bit: int, node: int, select: int, contexts: int, law: Ints, low: int, cut: int, end: int, at: int
) -> int:
    """Code whether a level from ``low`` to ``end - 1`` is ``cut`` or more.

    With ``at`` 1 whether it is ``cut``, with ``at`` 2 whether it is ``cut`` or more where it is not ``cut`` itself.
    """
    step = node if node < 64 else 64
    salt = (node * SALT) & 0xFFFFFFFF
    for k in range(DISTRIBUTIONS):
        mean, steepness = law[2 * k], law[2 * k + 1]
        first = _below(m, low, 0, mean, steepness)
        last = _below(m, end, 0, mean, steepness)
        here = _below(m, cut, 0, mean, steepness)
        if at == 0:
            p = ((last - here + 1) << 12) // (last - first + 2)
        else:
            after = _below(m, cut, 1, mean, steepness)
            if at == 1:
                p = ((after - here + 1) << 12) // (last - first + 2)
            else:
                p = ((last - after + 1) << 12) // (here - first + last - after + 2)
        stretch = m.tables[STRETCH + min(p, 4095)]
        # These contexts are by the kind of decision, not by its number, which ``code_bit`` adds once more.
        m.context[contexts + k] = mix3(0x9D00 + k, (stretch + 2560) >> 7, step) ^ salt
    m.reg[COUNT] = contexts + DISTRIBUTIONS
    return code_bit(m, bit, node, select)


@jit
def code_level(m: Model, level: int, expected: int, num_levels: int, contexts: int, law: Ints) -> int:
    """Code a level from 0 to ``num_levels - 1``; returns it.

    Args:
        m: the model, with the kind of decision.
        level: the level when encoding; ignored when decoding.
        expected: the prediction that the difference is taken from, itself a level.
        num_levels: number of levels.
        contexts: contexts that are set.
        law: mean in units and ``2**24 / scale`` of each logistic distribution.
    """
    if _decide(m, 1 if level == expected else 0, 1, 0, contexts, law, 0, expected, num_levels, 1):
        return expected
    above = 1
    if expected == num_levels - 1:
        above = 0
    elif expected > 0:
        above = _decide(m, 1 if level > expected else 0, 2, 1, contexts, law, 0, expected, num_levels, 2)
    top = num_levels - 1 - expected if above else expected
    size = level - expected if above else expected - level
    bits = 0
    while (2 << bits) <= top:
        least, cut = 1 << bits, 2 << bits
        node, select = 3 + bits + 16 * above, 2 + min(bits, 7) + 8 * above
        if above:
            more = _decide(
                m, 1 if size >= cut else 0, node, select, contexts, law, expected + least, expected + cut, num_levels, 0
            )
        else:
            # Whether it is at most expected - cut: the opposite of being above that.
            more = 1 - _decide(
                m, 1 if size < cut else 0, node, select, contexts, law, 0, expected - cut + 1, expected - least + 1, 0
            )
        if not more:
            break
        bits += 1
    low, prefix = 1 << bits, 1
    for j in range(bits - 1, -1, -1):
        cut, end = low + (1 << j), min(low + (2 << j), top + 1)
        more = 0
        if cut <= top:
            depth = bits - 1 - j
            node = 64 + 64 * bits + (prefix if depth < 3 else 32 + depth) + 4096 * above
            select = 18 + 2 * min(depth, 2) + above
            if above:
                more = _decide(
                    m,
                    1 if size >= cut else 0,
                    node,
                    select,
                    contexts,
                    law,
                    expected + low,
                    expected + cut,
                    expected + end,
                    0,
                )
            else:
                more = 1 - _decide(
                    m,
                    1 if size < cut else 0,
                    node,
                    select,
                    contexts,
                    law,
                    expected - end + 1,
                    expected - cut + 1,
                    expected - low + 1,
                    0,
                )
        prefix = 2 * prefix + more
        low += more << j
    return expected + low if above else expected - low
