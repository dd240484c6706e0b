"""Tables of the logistic function and of learning rates, made by integer arithmetic alone.

A *stretch* is ``ln(p / (1 - p))`` in steps of 1/256; a probability has 16 bits.
"""

from __future__ import annotations

import math
from functools import cache

STRETCH_LIMIT = 3071
"""Largest stretch of a prediction, 12 in units of 1."""
RATE_LIMIT = 255
"""Count after which a probability adapts at a constant rate."""

_ONE = 1 << 60


@cache
def squash_table() -> list[int]:
    """Probability in 16 bits of each stretch from ``-STRETCH_LIMIT`` to ``STRETCH_LIMIT``.

    Example:
        >>> table = squash_table()
        >>> table[STRETCH_LIMIT], table[STRETCH_LIMIT + 256]  # of 0 and 1
        (32768, 47910)
    """
    # exp(1/256) by its series; each power rounds down, the same on every machine.
    step, term = _ONE, _ONE
    for k in range(1, 20):
        term //= 256 * k
        step += term
    powers = [_ONE]
    for _ in range(STRETCH_LIMIT):
        powers.append(powers[-1] * step // _ONE)
    upper = [min((power << 16) // (_ONE + power), 65535) for power in powers]
    return [65536 - value for value in upper[:0:-1]] + upper


@cache
def stretch_table() -> list[int]:
    """Stretch of each probability in 12 bits: the least whose probability is not below the middle of the step.

    Example:
        >>> table = stretch_table()
        >>> table[0], table[2048], table[4095]
        (-2340, 1, 2307)
    """
    squash = squash_table()
    out: list[int] = []
    x = 0
    for p in range(4096):
        while squash[x] < p * 16 + 8 and x < len(squash) - 1:
            x += 1
        out.append(x - STRETCH_LIMIT)
    return out


@cache
def rate_table(least: int = RATE_LIMIT) -> list[int]:
    """Rate in 16 bits at which a probability that was updated n times adapts: ``1 / (n + 1.4)``, at least 1/255."""
    return [max(655360 // (10 * n + 14), 65536 // least) for n in range(256)]


@cache
def count_buckets() -> list[int]:
    """Bucket 0 to 7 of each count up to 255, by which weights are chosen."""
    ends = (0, 1, 2, 4, 8, 20, 60)
    return [sum(n > end for end in ends) for n in range(256)]


@cache
def learning_rates(first: int = 3932, last: int = 393, slow: int = 2000) -> list[int]:
    """Learning rate in 16 bits after each 64 decisions: ``first / sqrt(1 + n / slow)``, at least ``last``."""
    out: list[int] = []
    while True:
        n = 64 * len(out)
        # The root in fixed point: sqrt(1 + n / slow) * 2**16.
        root = math.isqrt(((slow + n) << 32) // slow)
        out.append(max((first << 16) // root, last))
        if out[-1] == last:
            return out
