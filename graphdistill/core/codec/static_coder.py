"""Coding of small integers with given frequencies, such as the table of a learnt prior: no state, no header.

A symbol of 0 to L - 1 is coded bit by bit from the highest on. The probability of a bit is that of the frequencies of
the two halves that are left, in integers, so that every machine codes the same bytes.

Shape legend: K channels, P symbols of a channel, L levels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.codec.arithmetic import (
    DECODE,
    ENCODE,
    ERROR,
    NUM_CODER_REGISTERS,
    POSITION,
    code_with,
    finish,
    start,
)
from graphdistill.core.codec.jit import Bytes, Ints, array, compile_all, jit, zeros

MOST_FREQUENCY = 1 << 24
"""Largest frequency, so that no sum overflows."""


class StaticCoder:
    """Codes symbols of channels, each of which has frequencies of its own.

    Args:
        frequency: how often each level of each channel is expected, long ``[K, L]``, 1 or more; L is a power of two.

    Raises:
        ValueError: the table has another shape, or a frequency is out of range.

    Example:
        >>> coder = StaticCoder(torch.tensor([[97, 1, 1, 1]]))
        >>> data = coder.encode(torch.zeros(1, 1000, dtype=torch.long))
        >>> len(data), int(coder.decode(data, 1000).sum())  # 1000 symbols of 0.04 bits
        (6, 0)
    """

    def __init__(self, frequency: Tensor):
        levels = frequency.shape[-1] if frequency.dim() == 2 else 0
        if levels < 2 or levels & (levels - 1) or frequency.is_floating_point():
            raise ValueError(
                f"frequency must be integers [K, L] with L a power of two, got {frequency.dtype} "
                f"{list(frequency.shape)}"
            )
        if int(frequency.min()) < 1 or int(frequency.max()) > MOST_FREQUENCY:
            raise ValueError(
                f"frequencies must be 1 to {MOST_FREQUENCY}, got {int(frequency.min())} to {int(frequency.max())}"
            )
        self.channels, self.levels = len(frequency), levels
        self._trees = array(_trees(frequency.cpu().numpy().astype(np.int64)).ravel())

    def encode(self, symbols: Tensor) -> bytes:
        """The bytes of symbols, long ``[K, P]``.

        Raises:
            ValueError: the shape is another one, or a symbol is out of range.
        """
        if symbols.dim() != 2 or len(symbols) != self.channels or symbols.is_floating_point():
            raise ValueError(
                f"symbols must be integers [{self.channels}, P], got {symbols.dtype} {list(symbols.shape)}"
            )
        if symbols.numel() and not (0 <= int(symbols.min()) and int(symbols.max()) < self.levels):
            raise ValueError(
                f"symbols must be 0 to {self.levels - 1}, got {int(symbols.min())} to {int(symbols.max())}"
            )
        compile_all()
        flat = array(symbols.cpu().numpy().astype(np.int64).ravel())
        reg, buffer = zeros(NUM_CODER_REGISTERS), zeros(64 + 2 * self.levels.bit_length() * symbols.numel(), np.uint8)
        start(reg, buffer, ENCODE)
        code_static(reg, buffer, self._trees, self.levels, symbols.shape[1], flat)
        assert not reg[ERROR]
        return finish(reg, buffer)

    def decode(self, data: bytes, count: int) -> Tensor:
        """The symbols of :meth:`encode`, long ``[K, P]``.

        Args:
            data: the bytes.
            count: symbols of a channel, P.

        Raises:
            ValueError: the bytes are cut short, or of another table or number of symbols.
        """
        compile_all()
        reg, flat = zeros(NUM_CODER_REGISTERS), zeros(self.channels * count)
        buffer = array(np.frombuffer(bytearray(data), np.uint8), np.uint8)
        start(reg, buffer, DECODE)
        code_static(reg, buffer, self._trees, self.levels, count, flat)
        if reg[ERROR] or not reg[POSITION] - 4 <= len(data) <= reg[POSITION]:
            raise ValueError(
                f"the {len(data)} bytes are not {count} symbols of each of {self.channels} channels of this table; "
                "they are cut short or were coded with another one"
            )
        return torch.from_numpy(np.array(flat, np.int64).reshape(self.channels, count))


def _trees(frequency: Any) -> Any:
    """Probability in 16 bits of the upper half at each node of a binary tree of levels; node 1 is the root."""
    levels = frequency.shape[1]
    count = np.concatenate([np.zeros_like(frequency), frequency], axis=1)
    for node in range(levels - 1, 0, -1):
        count[:, node] = count[:, 2 * node] + count[:, 2 * node + 1]
    inner = np.arange(1, levels)
    chance = (count[:, 2 * inner + 1] << 16) // count[:, inner]
    return np.concatenate([np.zeros_like(frequency[:, :1]), chance.clip(1, 65535)], axis=1)


@jit
def code_static(reg: Ints, buffer: Bytes, trees: Ints, levels: int, count: int, symbols: Ints) -> None:
    """Code ``count`` symbols of each channel in place, one channel after the other."""
    for i in range(len(symbols)):
        base, node, half, given = (i // count) * levels, 1, levels >> 1, symbols[i]
        while half > 0:
            bit = code_with(reg, buffer, 1 if given & half else 0, trees[base + node])
            node = 2 * node + bit
            half >>= 1
        symbols[i] = node - levels
