"""Binary arithmetic coder of 32 bits without carries, as in Mahoney's lpaq; one function encodes and decodes."""

from __future__ import annotations

from graphdistill.core.codec.jit import Bytes, Ints, jit

MODE, LOW, HIGH, VALUE, POSITION, ERROR = range(6)
NUM_CODER_REGISTERS = 6
"""Registers of the coder: mode, the interval, the value read, the position in the buffer, what went wrong."""
ENCODE, DECODE = 0, 1
OVERRUN = 1
"""Error: the buffer is full, or the decoder read more than four bytes beyond its end."""


def start(reg: Ints, buffer: Bytes, mode: int) -> None:
    """Set the registers to the start of a stream."""
    reg[MODE], reg[LOW], reg[HIGH], reg[VALUE], reg[POSITION], reg[ERROR] = mode, 0, 0xFFFFFFFF, 0, 0, 0
    if mode == DECODE:
        for _ in range(4):
            reg[VALUE] = (reg[VALUE] << 8) | (int(buffer[reg[POSITION]]) if reg[POSITION] < len(buffer) else 0)
            reg[POSITION] += 1


@jit
def code_with(reg: Ints, buffer: Bytes, bit: int, p: int) -> int:
    """Code ``bit``, which is 1 with probability ``p`` / 65536; returns it.

    Encoding writes to the buffer and sets ``ERROR`` where it is full; decoding ignores ``bit`` and sets ``ERROR``
    where it needs more bytes than any encoder leaves out.
    """
    low, high = reg[LOW], reg[HIGH]
    width = high - low
    middle = low + (width >> 16) * p + (((width & 0xFFFF) * p) >> 16)
    if reg[MODE] == 1:
        bit = 1 if reg[VALUE] <= middle else 0
    if bit:
        high = middle
    else:
        low = middle + 1
    while (low ^ high) & 0xFF000000 == 0:
        position = reg[POSITION]
        if reg[MODE] == 1:
            byte = 0
            if position < len(buffer):
                byte = buffer[position]
            elif position >= len(buffer) + 4:
                reg[ERROR] = 1
            reg[VALUE] = ((reg[VALUE] << 8) & 0xFFFFFFFF) | byte
        elif position < len(buffer):
            buffer[position] = high >> 24
        else:
            reg[ERROR] = 1
        reg[POSITION] = position + 1
        low = (low << 8) & 0xFFFFFFFF
        high = ((high << 8) & 0xFFFFFFFF) | 255
    reg[LOW] = low
    reg[HIGH] = high
    return bit


def finish(reg: Ints, buffer: Bytes) -> bytes:
    """All bytes of an encoded stream; the fewest at its end that name a number in the last interval.

    A decoder reads zeros after the end.
    """
    out = bytes(int(byte) for byte in buffer[: reg[POSITION]])
    low, top = int(reg[LOW]), int(reg[HIGH])
    for size in range(5):
        unit = 1 << (32 - 8 * size)
        least = -(-low // unit) * unit
        if least <= top:
            out += (least >> (32 - 8 * size)).to_bytes(size, "big") if size else b""
            break
    return out
