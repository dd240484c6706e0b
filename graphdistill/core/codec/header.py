"""What a stream says of itself before its events, and the checks against damage."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import torch

from graphdistill.core.codec.state import Sizes
from graphdistill.core.trees import varint

VERSION = 1
MAX_BITS = 22
"""Largest table of probabilities, as a power of two: 32 MB."""
CONTEXTS = ((7, 5, 5), (10, 7, 7), (16, 11, 11))
"""Numbers of contexts of nodes, edges and ring closures; small sets learn the weights of fewer ones better."""
_EDGE_ATTR, _PRIOR, _EMPTY, _LABELS = 1, 2, 4, 8


@dataclass(frozen=True)
class Header:
    """The header of a stream.

    Attributes:
        graphs: number of graphs with nodes.
        empty: number of graphs without.
        width: columns of nodes.
        edge_width: columns of edges, ``None`` without edge features.
        contexts: which of ``CONTEXTS``.
        sizes: capacities that the graphs need.
        prior: name of the set that the model has seen before, ``""`` for none.
        labels: whether labels follow the graphs.
    """

    graphs: int
    empty: int
    width: int
    edge_width: int | None
    contexts: int
    sizes: Sizes
    prior: str = ""
    labels: bool = False

    def to_bytes(self) -> bytes:
        """The header as bytes, without checks."""
        parts = ((self.edge_width is not None, _EDGE_ATTR), (self.prior, _PRIOR), (self.empty, _EMPTY))
        flags = sum(flag for on, flag in (*parts, (self.labels, _LABELS)) if on)
        out = bytearray([VERSION << 4 | flags])
        if self.prior:
            name = self.prior.encode()
            out += bytes([len(name)]) + name
        numbers = [self.graphs, *([self.empty] if self.empty else []), self.width]
        numbers += [] if self.edge_width is None else [self.edge_width]
        numbers += [self.contexts * 32 + self.sizes.bits, *self.sizes[1:]]
        return bytes(out) + varint.encode(torch.tensor(numbers)).numpy().tobytes()

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
        if data[0] >> 4 != VERSION:
            raise ValueError(f"is of version {data[0] >> 4} of the codec; this release reads version {VERSION}")
        flags, prior = data[0], ""
        if flags & _PRIOR:
            end = at + 1 + data[at] if at < len(data) else at
            prior, at = data[at + 1 : end].decode("ascii", "replace"), end
        graphs = number()
        empty = number() if flags & _EMPTY else 0
        width = number()
        edge_width = number() if flags & _EDGE_ATTR else None
        packed = number()
        contexts, bits = packed >> 5, packed & 31
        if contexts >= len(CONTEXTS) or bits > MAX_BITS:
            raise ValueError("holds a header that is cut short or damaged")
        sizes = Sizes(bits, *(number() for _ in range(len(Sizes._fields) - 1)))
        return cls(graphs, empty, width, edge_width, contexts, sizes, prior, bool(flags & _LABELS)), at


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
