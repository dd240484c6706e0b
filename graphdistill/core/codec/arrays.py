"""Coding of arrays of numbers without loss: images, features of nodes, tables, soft labels.

A stream is a header, two checks and a body. Values of few levels are coded level by level (see ``entry_coder``), others
bit by bit (``bit_coder``); where xz or the raw bytes are shorter, as for noise, these are taken.
"""

from __future__ import annotations

import lzma
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.codec.arithmetic import DECODE, ENCODE, ERROR, MODE, finish
from graphdistill.core.codec.bit_coder import MOST_BITS, code_bits
from graphdistill.core.codec.columns import code_integer, fold
from graphdistill.core.codec.entry_coder import code_entries, new_entries
from graphdistill.core.codec.header import seal, unseal
from graphdistill.core.codec.jit import Ints, array, compile_all, jit, zeros
from graphdistill.core.codec.model import COUNT, KIND, NUM_MODEL_REGISTERS, Model, mix2, new_model
from graphdistill.core.codec.residual_coder import MOST_LEVELS

VERSION = 1
DTYPES = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64)
"""What can be coded, by its number in the header."""
RAW, XZ, LEVELS, TABLE, BITS = range(5)
"""Forms of a body: as it is; by xz; levels from the least one on; levels with a table of their values; bits."""
MAX_BITS = 22
"""Largest table of probabilities, as a power of two: 32 MB."""
MANY_LEVELS = 1024
"""Number of distinct values beyond which bits are tried, too."""


def encode_array(values: Tensor) -> bytes:
    """Code an array of numbers without loss; the bytes are the same on every machine.

    Entries keep their order. Images ``[n, C, H, W]`` or ``[n, H, W]`` are predicted from neighbours, the channel before
    and the entries before; rows ``[n, d]`` from their columns and the row above. Entries of one class are best next to
    each other.

    Args:
        values: integers of 8 to 64 bits, or floats of 16 to 64, of any shape; bit patterns are kept, NaN too.

    Returns:
        The stream, which :func:`decode_array` reads. It is at most some 20 bytes longer than the array.

    Raises:
        ValueError: the dtype is another one, or there are more than 255 dimensions.

    Example:
        >>> rows = (torch.arange(4000) // 100).view(500, 8)
        >>> data = encode_array(rows)
        >>> len(data), torch.equal(decode_array(data, limit=4000), rows)
        (69, True)
    """
    if values.dtype not in DTYPES or values.dim() > 255:
        raise ValueError(
            f"values of {values.dtype} {list(values.shape)} cannot be coded; "
            f"give one of {', '.join(str(d).removeprefix('torch.') for d in DTYPES)}"
        )
    raw = values.detach().cpu().contiguous().numpy()
    plain = _little(raw).tobytes()
    bodies: dict[int, tuple[list[int], bytes]] = {RAW: ([], plain)}
    if raw.size:
        compile_all()
        bodies[XZ] = [], _xz(plain)
        bodies |= _coded(_integers(raw), tuple(raw.shape), 8 * raw.dtype.itemsize if raw.dtype.kind == "f" else 0)
    form = min(bodies, key=lambda form: len(bodies[form][1]) + len(_varints(bodies[form][0])))
    numbers, body = bodies[form]
    head = bytes([VERSION << 4 | form, DTYPES.index(values.dtype), values.dim()])
    return seal(head + _varints([*raw.shape, *numbers]), body, zlib.crc32(plain))


def decode_array(data: bytes, *, limit: int) -> Tensor:
    """The array of a stream of :func:`encode_array`.

    Args:
        data: the stream.
        limit: largest number of values, and of entries of each dimension, that a stream from elsewhere may hold.

    Raises:
        ValueError: the stream is of another version, was cut or changed, or holds more than ``limit``.
    """
    try:
        return _decode(data, limit)
    except ValueError as error:
        raise ValueError(f"the coded array {error}") from None


@dataclass
class _Reader:
    data: bytes
    at: int

    def number(self) -> int:
        value = shift = 0
        while True:
            if self.at >= len(self.data) or shift > 63:
                raise ValueError("holds a header that is cut short or damaged")
            value |= (self.data[self.at] & 127) << shift
            shift += 7
            self.at += 1
            if self.data[self.at - 1] < 128:
                return value


def _decode(data: bytes, limit: int) -> Tensor:
    if len(data) < 3:
        raise ValueError("holds a header that is cut short or damaged")
    form, dtype = data[0] & 15, data[1]
    if data[0] >> 4 != VERSION:
        raise ValueError(f"is of version {data[0] >> 4}; this release reads version {VERSION}")
    if form > BITS or dtype >= len(DTYPES):
        raise ValueError("holds a header that is cut short or damaged")
    reader = _Reader(data, 3)
    shape = tuple(reader.number() for _ in range(data[2]))
    size = math.prod(shape)
    if max(size, *shape, 0) > limit:
        raise ValueError(f"holds {size} values of shape {list(shape)}, more than the limit of {limit}")
    numbers = [reader.number() for _ in range((0, 0, 3, 2, 2)[form])]
    body, check = unseal(data, reader.at)
    kind = torch.empty(0, dtype=DTYPES[dtype]).numpy().dtype
    length = size * kind.itemsize
    if form in (RAW, XZ):
        plain = body if form == RAW else _from_xz(body, length)
        if len(plain) != length:
            raise ValueError("was changed: its length does not fit its shape")
        raw = np.frombuffer(plain, kind.newbyteorder("<")).astype(kind)
    else:
        raw = _from_integers(_read(form, numbers, body, shape), kind)
    if zlib.crc32(_little(raw).tobytes()) & 0xFFFF != check:
        raise ValueError("was changed: what it decodes to does not fit its checksum")
    return torch.from_numpy(raw.reshape(shape))


def _coded(integers: Any, shape: tuple[int, ...], float_bits: int) -> dict[int, tuple[list[int], bytes]]:
    """Numbers of the header and the body of each form that suits these integers, or floats of so many bits."""
    distinct, number, count = np.unique(integers, return_inverse=True, return_counts=True)
    least, span = int(distinct[0]), int(distinct[-1]) - int(distinct[0]) + 1
    common = int(distinct[count.argmax()])
    out = {}
    tabled = len(distinct) <= MOST_LEVELS and 2 * len(distinct) < min(span, len(integers))
    if tabled:
        numbers = [len(distinct), int(count.argmax())]
        out[TABLE] = numbers, _encode(TABLE, numbers, [int(v) for v in distinct], number, shape)
    elif span <= MOST_LEVELS:
        numbers = [_zigzag(least), span, common - least]
        out[LEVELS] = numbers, _encode(LEVELS, numbers, [], integers - least, shape)
    if span > MANY_LEVELS and len(distinct) > MANY_LEVELS:
        base, bits = least, (span - 1).bit_length()
        if float_bits:
            # A range that begins where the bits below are 0 keeps signs and exponents of floats in their bits.
            half = 1 << (float_bits - 1)
            bits = ((least + half) ^ (int(distinct[-1]) + half)).bit_length()
            base = ((least + half) >> bits << bits) - half
        numbers = [_zigzag(base), bits]
        out[BITS] = numbers, _encode(BITS, numbers, [], _words(integers, base, bits), shape)
    return out


def _encode(form: int, numbers: list[int], distinct: list[int], values: Any, shape: tuple[int, ...]) -> bytes:
    """The body of integers in one of the forms; a buffer that is too short is doubled."""
    room = 1024 + 4 * len(values)
    while True:
        buffer = zeros(room, np.uint8)
        m = _model(form, len(values), buffer, ENCODE)
        _code(m, form, numbers, array(distinct), array(values), shape)
        if not m.reg[ERROR]:
            return finish(m.reg, buffer)
        room *= 4


def _read(form: int, numbers: list[int], body: bytes, shape: tuple[int, ...]) -> Any:
    """The integers of a body, 64-bit ``[size]``."""
    size = math.prod(shape)
    num_levels = numbers[0] if form == TABLE else numbers[1]
    most = 64 if form == BITS else MOST_LEVELS
    if not size or num_levels > most or (form != BITS and numbers[-1] >= num_levels):
        raise ValueError("holds a header that is cut short or damaged")
    wide = form == BITS and num_levels > MOST_BITS
    values = zeros(2 * size if wide else size)
    distinct = zeros(num_levels if form == TABLE else 0)
    m = _model(form, len(values), array(list(body), np.uint8), DECODE)
    _code(m, form, numbers, distinct, values, shape)
    if m.reg[ERROR]:
        raise ValueError("is cut short")
    out = np.asarray(values, np.int64)
    if form == TABLE:
        return np.asarray(distinct, np.int64)[out]
    if wide:
        out = (out[::2] << 32) + out[1::2]
    return out + np.uint64(_unzigzag(numbers[0]) % (1 << 64)).astype(np.int64)


def _code(m: Model, form: int, numbers: list[int], distinct: Ints, values: Ints, shape: tuple[int, ...]) -> None:
    """Code integers in a form other than raw and xz, in place."""
    size = len(values)
    if form == BITS:
        wide = numbers[1] > MOST_BITS
        width = size // shape[0] if shape else size
        code_bits(m, values, width, 32 if wide else numbers[1])
        return
    if form == TABLE:
        _code_table(m, distinct)
    if len(shape) <= 2:
        num, channels, height, width = (*shape, 1)[0], 1, 0, (*shape, 1, 1)[1]
    else:
        num, channels, height, width = shape[0], math.prod(shape[1:-2]), shape[-2], shape[-1]
    entries = new_entries(size // num)
    code_entries(m, entries, values, num, channels, height, width, numbers[0 if form == TABLE else 1], numbers[-1])


def _model(form: int, size: int, buffer: Any, mode: int) -> Model:
    slots = (64 if form == BITS else 24) * size
    return new_model(min(max(slots.bit_length(), 10), MAX_BITS), NUM_MODEL_REGISTERS, buffer, mode)


@jit
def _code_table(m: Model, distinct: Ints) -> None:
    """Code ascending integers by their gaps, in place."""
    decode = m.reg[MODE]
    m.reg[KIND], m.reg[COUNT] = 3, 2
    before, gap = 0, 0
    for k in range(len(distinct)):
        m.context[0] = 0x61
        m.context[1] = mix2(0x62, fold(gap))
        gap = code_integer(m, distinct[k] - before, decode, 0)
        before += gap
        distinct[k] = before
        if m.reg[ERROR]:
            return


def _words(integers: Any, base: int, bits: int) -> Any:
    """Integers less a base; of more than ``MOST_BITS`` bits as two of 32 each."""
    rest = integers.view(np.uint64) - np.uint64(base % (1 << 64))
    if bits > MOST_BITS:
        rest = np.stack([rest >> np.uint64(32), rest & np.uint64(0xFFFFFFFF)], axis=1).ravel()
    return rest.astype(np.int64)


def _integers(raw: Any) -> Any:
    """Values as 64-bit integers in the same order, flat; floats by their bits."""
    flat = raw.reshape(-1)
    if flat.dtype.kind != "f":
        return flat.astype(np.int64)
    bits = flat.view(f"i{flat.dtype.itemsize}").astype(np.int64)
    return np.where(bits < 0, bits ^ ((1 << (8 * flat.dtype.itemsize - 1)) - 1), bits)


def _from_integers(integers: Any, kind: np.dtype[Any]) -> Any:
    """Undo :func:`_integers`."""
    if kind.kind != "f":
        return integers.astype(kind)
    bits = np.where(integers < 0, integers ^ ((1 << (8 * kind.itemsize - 1)) - 1), integers)
    return bits.astype(f"i{kind.itemsize}").view(kind)


def _little(raw: Any) -> Any:
    """The array in the order of bytes that streams have."""
    return raw.astype(raw.dtype.newbyteorder("<"), copy=False)


def _filters(length: int) -> list[dict[str, int]]:
    """Xz at its strongest, with a window of no more than the data need: the usual one takes 30 ms to make."""
    window = min(max(1 << length.bit_length(), 4096), 1 << 26)
    return [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": window}]


def _xz(plain: bytes) -> bytes:
    return lzma.compress(plain, lzma.FORMAT_RAW, filters=_filters(len(plain)))


def _from_xz(body: bytes, length: int) -> bytes:
    """At most ``length`` bytes of what xz coded."""
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(length)).decompress(body, length)
    except lzma.LZMAError:
        raise ValueError("was changed: its body is not of xz") from None


def _varints(numbers: list[int]) -> bytes:
    out = bytearray()
    for number in numbers:
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
    return bytes(out)


def _zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def _unzigzag(number: int) -> int:
    return -(number >> 1) - 1 if number & 1 else number >> 1
