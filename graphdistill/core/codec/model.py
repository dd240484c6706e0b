"""Coding of one binary decision: predictions in several contexts, mixed, refined and handed to the arithmetic coder.

Each context has an adaptive probability in a hash table; the predictions are mixed in the logistic domain (Mahoney's
PAQ; Mattern 2012) by two sets of weights, then corrected by a small table of what came of such predictions (SSE). All
numbers are integers, so that every machine codes the same bytes.

A slot of the hash table packs, from the highest bit: 22 bits of check, which values came (2 bits), the count up to 255
(8 bits), the probability (24 bits).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from graphdistill.core.codec import arithmetic, tables
from graphdistill.core.codec.arithmetic import NUM_CODER_REGISTERS, code_with
from graphdistill.core.codec.jit import Bytes, Ints, Table, array, jit, table, zeros

MAX_CONTEXTS = 18
"""One more than any decision has: the last place is that of the bias."""
NUM_KINDS = 12
"""Kinds of decisions, which have their own weights."""
NUM_SELECT = 32
"""Sets of weights of each kind."""
BUCKETS = 17
SSE_POINTS = 33
BIAS = MAX_CONTEXTS * BUCKETS - 1
"""Weight of a constant input, which learns what comes where no context is known."""

KIND = NUM_CODER_REGISTERS
COUNT = NUM_CODER_REGISTERS + 1
DECISIONS = NUM_CODER_REGISTERS + 2
NUM_MODEL_REGISTERS = NUM_CODER_REGISTERS + 3

HASH_MASK = 0xFFFFFFFF
PROBABILITY = (1 << 24) - 1
HALF = 1 << 23
LEAST = 8192
"""Least probability of a slot, 1/2048 in 24 bits."""
MOST = (1 << 24) - LEAST


PLACE, KNOWN, STRETCHED, WEIGHT_AT = range(4)
"""Rows of ``Model.work``: of each context where its slot is, the slot, the stretch, and which weight it has."""
SQUASH, STRETCH, RATE, BUCKET, LR = 3071, 6143, 10239, 10495, 10751
"""Where the tables begin; that of the logistic function at stretch 0."""


class Model(NamedTuple):
    """All state of a coder: arrays of integers, which functions change in place.

    Attributes:
        reg: registers: the arithmetic coder's, then the kind and number of contexts of the next decision.
        buffer: bytes written or read.
        context: hash of each context of the next decision.
        slots: hash table of probabilities.
        weights: mixing weights by (kind, selection), then by the number of contexts with a known probability.
        sse: refined probabilities by (kind, selection, prediction).
        seen: decisions so far of each kind.
        work: of the current decision, the rows from ``PLACE`` to ``WEIGHT_AT``.
        tables: the constant tables, one after another.
    """

    reg: Ints
    buffer: Bytes
    context: Ints
    slots: Ints
    weights: Ints
    sse: Ints
    seen: Ints
    work: Table
    tables: Ints


def new_model(bits: int, num_registers: int, buffer: Bytes, mode: int) -> Model:
    """A model that has seen nothing, with 2**bits slots."""
    squash = tables.squash_table()
    points = [squash[min(max(128 * q - 2048, -3071), 3071) + tables.STRETCH_LIMIT] << 8 for q in range(SSE_POINTS)]
    weight = [WEIGHT_SURE if 1 <= b <= 8 else WEIGHT for _ in range(MAX_CONTEXTS) for b in range(BUCKETS)]
    weight[-1] = 0  # of the bias
    reg = zeros(num_registers)
    arithmetic.start(reg, buffer, mode)
    lr = tables.learning_rates()
    sets = NUM_KINDS * NUM_SELECT + NUM_KINDS * (MAX_CONTEXTS + 1)
    return Model(
        reg=reg,
        buffer=buffer,
        context=zeros(MAX_CONTEXTS),
        slots=array(np.full(1 << bits, HALF)),
        weights=array(np.tile(weight, sets)),
        sse=array(np.tile(points, NUM_KINDS * NUM_SELECT)),
        seen=zeros(NUM_KINDS),
        work=table(4, MAX_CONTEXTS),
        tables=array([*squash, *tables.stretch_table(), *tables.rate_table(), *tables.count_buckets(), *lr]),
    )


WEIGHT, WEIGHT_SURE = 16384, 22938
"""First weights in 16 bits, 0.25 and 0.35: of a probability, and of one that saw a single value so far."""


@jit
def mix2(a: int, b: int) -> int:
    """Hash of two numbers of 32 bits, in 32 bits."""
    z = ((a ^ ((b * 0x1E3779B1) & 0xFFFFFFFF)) * 0x2C1B3C6D) & 0xFFFFFFFF
    return z ^ (z >> 15)


@jit
def mix3(a: int, b: int, c: int) -> int:
    """Hash of three numbers of 32 bits, in 32 bits."""
    z = ((a ^ ((b * 0x1E3779B1) & 0xFFFFFFFF)) * 0x2C1B3C6D) & 0xFFFFFFFF
    z ^= z >> 15
    z = ((z ^ ((c * 0x1E3779B1) & 0xFFFFFFFF)) * 0x2C1B3C6D) & 0xFFFFFFFF
    return z ^ (z >> 15)


@jit
def code_bit(m: Model, bit: int, node: int, select: int) -> int:
    """Code one decision in the contexts of ``m.context``; returns it.

    Args:
        m: the model; its registers hold the kind of decision and the number of contexts.
        bit: the decision when encoding; ignored when decoding.
        node: which decision of its symbol this is.
        select: which set of weights predicts it.
    """
    reg, slots, weights = m.reg, m.slots, m.weights
    place, known, stretched, weight_at = m.work[PLACE], m.work[KNOWN], m.work[STRETCHED], m.work[WEIGHT_AT]
    constants = m.tables
    kind, count = reg[KIND], reg[COUNT]
    mask = len(slots) - 1
    salt = (node * 0x1E3779B1) & 0xFFFFFFFF
    used = 0
    for i in range(count):
        z = ((m.context[i] ^ salt) * 0x2C1B3C6D) & 0xFFFFFFFF
        z ^= z >> 15
        at = z & mask
        check = z >> 10
        slot = slots[at]
        if slot >> 34 != check:
            other = slots[at ^ 1]
            if other >> 34 == check:
                at ^= 1
                slot = other
            else:
                if ((other >> 24) & 255) < ((slot >> 24) & 255):
                    at ^= 1
                slot = (check << 34) | HALF
        place[i] = at
        known[i] = slot
        n = (slot >> 24) & 255
        if n:
            # Contexts that know something lie in front.
            stretched[used] = constants[STRETCH + ((slot & PROBABILITY) >> 12)]
            weight_at[used] = i * BUCKETS + 1 + constants[BUCKET + n] + (8 if (slot >> 32) & 3 == 3 else 0)
            used += 1
    base_a = (kind * NUM_SELECT + select) * (MAX_CONTEXTS * BUCKETS)
    base_b = (NUM_KINDS * NUM_SELECT + kind * (MAX_CONTEXTS + 1) + used) * (MAX_CONTEXTS * BUCKETS)
    dot_a = weights[base_a + BIAS] << 8
    dot_b = weights[base_b + BIAS] << 8
    for i in range(used):
        w = weight_at[i]
        st = stretched[i]
        dot_a += weights[base_a + w] * st
        dot_b += weights[base_b + w] * st
    dot_a = min(max(dot_a >> 16, -3071), 3071)
    dot_b = min(max(dot_b >> 16, -3071), 3071)
    mean = (dot_a + dot_b) >> 1
    position = min(max(mean + 2048, 0), 4095)
    fraction = position & 127
    at_sse = (kind * NUM_SELECT + select) * SSE_POINTS + (position >> 7)
    low, high = m.sse[at_sse], m.sse[at_sse + 1]
    refined = (low * (128 - fraction) + high * fraction) >> 15
    p = (3 * constants[SQUASH + mean] + refined) >> 2
    p = min(max(p, 1), 65535)
    bit = code_with(reg, m.buffer, bit, p)

    seen = m.seen[kind]
    m.seen[kind] = seen + 1
    lr = constants[LR + min(seen >> 6, len(constants) - LR - 1)]
    error_a = ((bit << 16) - constants[SQUASH + dot_a]) * lr
    error_b = ((bit << 16) - constants[SQUASH + dot_b]) * lr
    target = (bit << 24) - bit
    weights[base_a + BIAS] += (error_a + 32768) >> 16
    weights[base_b + BIAS] += (error_b + 32768) >> 16
    for i in range(used):
        w = weight_at[i]
        st = stretched[i]
        weights[base_a + w] += (error_a * st + 8388608) >> 24
        weights[base_b + w] += (error_b * st + 8388608) >> 24
    came = 1 << (32 + bit)
    for i in range(count):
        slot = known[i]
        q = slot & PROBABILITY
        n = (slot >> 24) & 255
        q += ((target - q) * constants[RATE + n]) >> 16
        if q < LEAST:
            q = LEAST
        elif q > MOST:
            q = MOST
        # The probability is replaced, the count goes up, and the value that came is noted.
        slots[place[i]] = (((slot | came) >> 24) + (1 if n < 255 else 0)) << 24 | q
    m.sse[at_sse] = low + (((target - low) * (128 - fraction) * 164) >> 20)
    m.sse[at_sse + 1] = high + (((target - high) * fraction * 164) >> 20)
    return bit
