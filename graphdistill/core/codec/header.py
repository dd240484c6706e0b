"""What a stream says of itself before its events, and the checks against damage."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass

import torch

from graphdistill.core.codec.state import Sizes
from graphdistill.core.trees import varint

VERSION, VERSION_WITH_TARGETS = 1, 2
"""Versions of streams; those with targets of regression as labels have the second, all others the first."""
MAX_BITS = 22
"""Largest table of probabilities, as a power of two: 32 MB."""
CONTEXTS = ((7, 5, 5), (10, 7, 7), (16, 11, 11))
"""Numbers of contexts of nodes, edges and ring closures; small sets learn the weights of fewer ones better."""
PRIORS = ("moses500",)
"""Sets of graphs that ship with the package, coded: 500 molecules of MOSES (see ``bench/codec_prior.py``)."""
_EDGE_ATTR, _PRIOR, _EMPTY, _LABELS = 1, 2, 4, 8
_FLOAT_X, _FLOAT_EDGE = 1, 2
_SIZE_BITS = 5
_PACKED = -(-_SIZE_BITS * (len(Sizes._fields) - 1) // 8)
"""Bytes of the sizes, of which the number of bits is stored."""


@dataclass(frozen=True)
class Header:
    """The header of a stream.

    Attributes:
        graphs: number of graphs with nodes.
        empty: number of graphs without.
        width: columns of nodes.
        edge_width: columns of edges, ``None`` without edge features.
        contexts: which of ``CONTEXTS``.
        sizes: capacities that the graphs need; powers of two, or 0.
        prior: one of ``PRIORS``, the set that the model has seen before, ``""`` for none.
        labels: whether labels follow the graphs.
        targets: whether these are targets of regression.
        float_x, float_edge: whether features of nodes and edges are multiples of ``step``.
        step: the step.
    """

    graphs: int
    empty: int
    width: int
    edge_width: int | None
    contexts: int
    sizes: Sizes
    prior: str = ""
    labels: bool = False
    targets: bool = False
    float_x: bool = False
    float_edge: bool = False
    step: float = 1.0

    def to_bytes(self) -> bytes:
        """The header as bytes, without checks."""
        parts = ((self.edge_width is not None, _EDGE_ATTR), (self.prior, _PRIOR), (self.empty, _EMPTY))
        flags = sum(flag for on, flag in (*parts, (self.labels, _LABELS)) if on)
        out = bytearray([(VERSION_WITH_TARGETS if self.targets else VERSION) << 4 | flags])
        if self.prior:
            out.append(PRIORS.index(self.prior))
        floats = _FLOAT_X * self.float_x + _FLOAT_EDGE * self.float_edge
        numbers = [self.graphs, *([self.empty] if self.empty else []), self.width * 4 + floats]
        numbers += [] if self.edge_width is None else [self.edge_width]
        numbers += [self.contexts * 32 + self.sizes.bits]
        out += varint.encode(torch.tensor(numbers)).numpy().tobytes()
        if floats:
            out += struct.pack("<d", self.step)
        packed = sum(size.bit_length() << _SIZE_BITS * k for k, size in enumerate(self.sizes[1:]))
        return bytes(out) + packed.to_bytes(_PACKED, "little")

    @classmethod
    def read(cls, data: bytes, limit: int) -> tuple[Header, int]:
        """Read a header from the start of ``data``; also returns where it ends.

        Raises:
            ValueError: it is cut short, of another version, or names more than ``limit`` of anything.
        """
        at = 1

        def number() -> int:
            nonlocal at
            value = shift = 0
            while True:
                if at >= len(data) or shift > 56:
                    raise ValueError("holds a header that is cut short or damaged")
                value |= (data[at] & 127) << shift
                shift += 7
                at += 1
                if data[at - 1] < 128:
                    break
            if value > limit:
                raise ValueError(f"names {value} entries in its header, more than the limit of {limit}")
            return value

        if not data:
            raise ValueError("holds no header")
        if (version := data[0] >> 4) not in (VERSION, VERSION_WITH_TARGETS):
            raise ValueError(
                f"is of version {version} of the codec; this release reads versions {VERSION} and "
                f"{VERSION_WITH_TARGETS}"
            )
        flags, prior = data[0], ""
        if flags & _PRIOR:
            if (which := number()) >= len(PRIORS):
                raise ValueError(
                    f"needs prior number {which}, which this release does not have; it has {', '.join(PRIORS)}; "
                    "install the release that coded it"
                )
            prior = PRIORS[which]
        graphs = number()
        empty = number() if flags & _EMPTY else 0
        width, floats = divmod(number(), 4)
        edge_width = number() if flags & _EDGE_ATTR else None
        packed = number()
        contexts, bits = packed >> 5, packed & 31
        end = at + 8 * (floats > 0) + _PACKED
        if contexts >= len(CONTEXTS) or bits > MAX_BITS or end > len(data):
            raise ValueError("holds a header that is cut short or damaged")
        step = struct.unpack("<d", data[at : at + 8])[0] if floats else 1.0
        if not (math.isfinite(step) and step > 0):
            raise ValueError("holds a header that is cut short or damaged")
        packed = int.from_bytes(data[end - _PACKED : end], "little")
        lengths = [packed >> _SIZE_BITS * k & (1 << _SIZE_BITS) - 1 for k in range(len(Sizes._fields) - 1)]
        sizes = Sizes(bits, *(1 << length - 1 if length else 0 for length in lengths))
        if max(sizes[1:]) >= 2 * limit:
            raise ValueError(f"names {max(sizes[1:])} entries in its header, more than the limit of {limit}")
        kinds = bool(floats & _FLOAT_X), bool(floats & _FLOAT_EDGE)
        labelled = bool(flags & _LABELS), version == VERSION_WITH_TARGETS
        return cls(graphs, empty, width, edge_width, contexts, sizes, prior, *labelled, *kinds, step), end


def seal(header: bytes, body: bytes, content: int) -> bytes:
    """A stream of a header, two checks of 16 bits (of all bytes and of what they decode to), and a body."""
    content_check = (content & 0xFFFF).to_bytes(2, "big")
    check = zlib.crc32(header + content_check + body) & 0xFFFF
    return header + content_check + check.to_bytes(2, "big") + body


def unseal(data: bytes, end: int) -> tuple[bytes, int]:
    """The body of a stream whose header ends at ``end``, and the check of its content.

    Raises:
        ValueError: the stream was changed or cut.
    """
    body = data[end + 4 :]
    check = zlib.crc32(data[: end + 2] + body) & 0xFFFF
    if len(data) < end + 4 or check != int.from_bytes(data[end + 2 : end + 4], "big"):
        raise ValueError("is cut short or was changed: its checksum does not fit")
    return body, int.from_bytes(data[end : end + 2], "big")
