"""Small integers as a stream of bytes: seven bits per byte, most values in one (LEB128)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def lengths(values: Tensor) -> Tensor:
    """Bytes of each integer in :func:`encode`, long ``[n]``.

    Example:
        >>> lengths(torch.tensor([127, 128])).tolist()
        [1, 2]
    """
    out = torch.ones_like(values)
    most = int(values.max()) if len(values) else 0
    for bits in range(7, most.bit_length(), 7):
        out += values >= 1 << bits
    return out


def encode(values: Tensor) -> Tensor:
    """Encode non-negative integers as a uint8 stream.

    Args:
        values: long ``[n]``.

    Returns:
        uint8 ``[bytes]``; values below 128 take one byte, below 16,384 two.

    Example:
        >>> encode(torch.tensor([1, 128])).tolist()
        [1, 128, 1]
    """
    rest = values.numpy().astype(np.uint64)
    sizes = lengths(values).numpy()
    starts = np.cumsum(sizes) - sizes
    out = np.zeros(int(sizes.sum()), dtype=np.uint8)
    for place in range(int(sizes.max(initial=0))):
        here = sizes > place
        more = (sizes > place + 1)[here].astype(np.uint8) << 7
        out[starts[here] + place] = (rest[here] & np.uint64(127)).astype(np.uint8) | more
        rest >>= np.uint64(7)
    return torch.from_numpy(out)


def decode(stream: Tensor) -> Tensor:
    """Decode a stream of :func:`encode`, long ``[n]``.

    Raises:
        ValueError: the stream is not uint8 of one dimension, ends inside of a number, or has one of more than 63 bits.

    Example:
        >>> decode(encode(torch.tensor([0, 300, 2**40]))).tolist() == [0, 300, 2**40]
        True
    """
    if stream.dtype != torch.uint8 or stream.dim() != 1:
        raise ValueError(f"the byte stream is {stream.dtype} {list(stream.shape)}, expected uint8 of one dimension")
    data = stream.numpy()
    last = data < 128
    if len(data) and not last[-1]:
        raise ValueError("the byte stream ends inside of a number; the file is damaged")
    number: NDArray[np.int64] = np.cumsum(last) - last
    starts = np.flatnonzero(np.concatenate([[True], last[:-1]])) if len(data) else np.empty(0, dtype=np.int64)
    place = np.arange(len(data)) - starts[number]
    if len(data) and int(place.max()) > 8:
        raise ValueError("the byte stream has a number of more than 63 bits; the file is damaged")
    parts = (data & 127).astype(np.uint64) << (7 * place).astype(np.uint64)
    total = np.zeros(int(last.sum()), dtype=np.uint64)
    np.add.at(total, number, parts)
    return torch.from_numpy(total.astype(np.int64))
