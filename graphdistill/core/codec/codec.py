"""Coding of many graphs to bytes and back.

A stream is a header, two checks and the arithmetic code of the graphs' events; see ``graph_coder`` for these.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphdistill.core.codec import state
from graphdistill.core.codec.arithmetic import DECODE, ENCODE, ERROR, OVERRUN, finish
from graphdistill.core.codec.assemble import assemble
from graphdistill.core.codec.graph_coder import Decoded, code_graphs, no_output, no_source
from graphdistill.core.codec.header import CONTEXTS, MAX_BITS, PRIORS, Header, seal, unseal
from graphdistill.core.codec.jit import array, compile_all, longer, zeros
from graphdistill.core.codec.labels import Labels, decode_labels, encode_labels
from graphdistill.core.codec.state import Coder, Sizes, cap_counts, new_coder, resume
from graphdistill.core.codec.steps import from_steps, to_steps
from graphdistill.core.codec.symbol_coder import Source
from graphdistill.core.codec.symbols import Records, Symbols, symbols
from graphdistill.core.codec.walk import Walks, walks
from graphdistill.core.data.graphs import Graphs

PRIOR_BITS = 20
"""Least table of probabilities of a set with a prior, as a power of two, so that it holds what the prior gives."""
FIRST_CAPACITY = 4096
"""Room for a decoder's largest graph and tables at first; a stream must fill it before it gets more."""


@dataclass(frozen=True)
class Encoded:
    """A stream, and what it decodes to.

    Attributes:
        data: the stream.
        graph: which of the given graphs each decoded graph is, long ``[G]``.
        node: which of the given nodes each decoded node is, long ``[N]``.
        labels: the labels as they are decoded, ``None`` without labels.
    """

    data: bytes
    graph: Tensor
    node: Tensor
    labels: Labels | None
    _decoded: tuple[Walks, tuple[Records, Records], Header]

    @cached_property
    def graphs(self) -> Graphs:
        """The decoded graphs."""
        return _assemble(*self._decoded, 2**62)


def encode_graphs(graphs: Graphs, *, prior: str = "", step: float | None = None) -> bytes:
    """Code graphs without loss, if their features are integers, up to the order of graphs, nodes and edges.

    Edges may be directed, parallel or self-loops; graphs may be disconnected or empty. The bytes are the same on every
    machine.

    Args:
        graphs: the graphs.
        prior: one of ``PRIORS``, a set of graphs that coder and decoder know, which helps where the graphs are like
            these and few (default: none).
        step: float features are rounded to its multiples, which are decoded as float32 (default: floats are refused).

    Returns:
        The stream, which :func:`decode_graphs` reads.

    Raises:
        ValueError: features are floats without a step or beyond 64-bit multiples of it, or the prior is unknown or of
            other columns.

    Example:
        >>> from torch_geometric.data import Data
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> path = Data(x=torch.tensor([[6], [6], [8]]), edge_index=edge_index)
        >>> data = encode_graphs(Graphs.from_data_list([path] * 100))
        >>> len(data), len(decode_graphs(data))
        (19, 100)
    """
    return encode_set(graphs, prior=prior, step=step).data


def encode_set(graphs: Graphs, labels: Labels | None = None, *, prior: str = "", step: float | None = None) -> Encoded:
    """Code graphs with their labels, weights and counts.

    Args:
        graphs: the graphs.
        labels: one label for each; probabilities and targets are rounded to ``labels.bits`` bits. (default: none)
        prior: as of :func:`encode_graphs`.
        step: as of :func:`encode_graphs`.

    Returns:
        The stream, which :func:`decode_set` reads, and what it decodes to.

    Raises:
        ValueError: as of :func:`encode_graphs`, or there are not as many labels as graphs.
    """
    if labels is not None and len(labels.y) != len(graphs):
        raise ValueError(f"there are {len(labels.y)} labels and {len(graphs)} graphs; give each graph one label")
    s, w, header = _prepare(graphs, prior, labels is not None, step)
    header = replace(header, targets=labels is not None and labels.task == "regression")
    sizes, order = header.sizes, torch.from_numpy(w.graph)
    room = 1024 + 2 * (len(s.node) + sizes.node_integers + sizes.edge_integers)
    while True:
        buffer = zeros(room, np.uint8)
        c = _coder(header, sizes, buffer, ENCODE)
        source = _source(s, w, c)
        code_graphs(c, source, _ptr(w.size[w.size > 0]), no_output(), 0, 0, 0)
        coded = encode_labels(c.m, labels, order) if labels is not None else None
        if c.m.reg[ERROR] != OVERRUN:
            break
        room *= 4
    assert c.m.reg[ERROR] == 0
    maps = np.asarray(source.node_map, np.int32), np.asarray(source.edge_map, np.int32)
    del source  # 600 bytes a molecule
    edge = np.where(w.parent >= 0, maps[1][w.edge] if len(maps[1]) else 0, 0)
    walked = Walks(
        w.graph, w.node, w.size, maps[0][w.symbol], w.parent, edge, w.back_count, w.back_node, maps[1][w.back_edge]
    )
    data = seal(header.to_bytes(), finish(c.m.reg, buffer), _content(walked, c, coded))
    rounded = None if labels is None else labels.stored(order)
    return Encoded(data, order, torch.from_numpy(w.node).long(), rounded, (walked, _records(c), header))


def decode_graphs(data: bytes, *, limit: int | None = None) -> Graphs:
    """The graphs of a stream of :func:`encode_graphs`, sorted by the events of their walks.

    Args:
        data: the stream.
        limit: largest number of graphs, nodes, edges and integers of rows that a stream from elsewhere may hold
            (default: 2**20, and 1,024 for each byte of the stream).

    Returns:
        Graphs with features of long, or of float32 where they were floats.

    Raises:
        ValueError: the stream is of another version, was cut or changed, or holds more than ``limit``.
    """
    return _decode(data, limit)[0]


def decode_set(data: bytes, *, limit: int | None = None) -> tuple[Graphs, Labels]:
    """The graphs and labels of a stream of :func:`encode_set`; as :func:`decode_graphs`.

    Raises:
        ValueError: as of :func:`decode_graphs`, or the stream has no labels.
    """
    graphs, labels = _decode(data, limit)
    if labels is None:
        raise ValueError("the stream of graphs has no labels; read it with decode_graphs")
    return graphs, labels


def prior_graphs(name: str) -> Graphs:
    """The graphs of a prior.

    Raises:
        ValueError: there is no such prior.

    Example:
        >>> len(prior_graphs("moses500"))
        500
    """
    return _decode(_prior_bytes(name), None)[0]


def _decode(data: bytes, limit: int | None) -> tuple[Graphs, Labels | None]:
    limit = 2**20 + 1024 * len(data) if limit is None else limit
    try:
        header, end = Header.read(data, limit)
        body, check = unseal(data, end)
        w, c = _decode_walks(header, body, limit)
        labels, coded = decode_labels(c.m, len(w.size), limit) if header.labels else (None, None)
        if c.m.reg[ERROR]:
            raise ValueError("is cut short")
        if header.targets != (labels is not None and labels.task == "regression"):
            raise ValueError("was changed: its labels are not of the kind that its header names")
        if _content(w, c, coded) & 0xFFFF != check:
            raise ValueError("was changed: what it decodes to does not fit its checksum")
        return _assemble(w, _records(c), header, limit), labels
    except ValueError as error:
        raise ValueError(f"the stream of graphs {error}") from None


def _assemble(w: Walks, records: tuple[Records, Records], header: Header, limit: int) -> Graphs:
    graphs = assemble(w, *records, (header.width, header.edge_width), limit)
    x, edge_attr = graphs.x, graphs.edge_attr
    if header.float_x:
        x = from_steps(x, header.step)
    if header.float_edge and edge_attr is not None:
        edge_attr = from_steps(edge_attr, header.step)
    return replace(graphs, x=x, edge_attr=edge_attr)


def _prepare(graphs: Graphs, prior: str, labels: bool, step: float | None) -> tuple[Symbols, Walks, Header]:
    edge_attr = graphs.edge_attr
    float_x, float_edge = (v is not None and v.is_floating_point() for v in (graphs.x, edge_attr))
    edge_steps = None if edge_attr is None else to_steps(edge_attr, step, "edge_attr")
    graphs = replace(graphs, x=to_steps(graphs.x, step, "x"), edge_attr=edge_steps)
    compile_all()
    s = symbols(graphs)
    w = walks(s)
    size = w.size[w.size > 0]
    rings = np.diff(np.concatenate([[0], np.cumsum(w.back_count)])[np.concatenate([[0], np.cumsum(size)])])
    num = len(size)
    sizes = Sizes(
        bits=min(max((64 * len(s.node)).bit_length(), 10), MAX_BITS),
        nodes=_room(int(w.size.max(initial=0))),
        backs=_room(int(rings.max(initial=0))),
        node_symbols=_room(len(s.nodes)),
        node_integers=_room(len(s.nodes.values)),
        edge_symbols=_room(len(s.edges)),
        edge_integers=_room(len(s.edges.values)),
    )
    edge_width = None if graphs.edge_attr is None else graphs.edge_attr.shape[1]
    header = Header(
        graphs=num,
        empty=len(w.size) - num,
        width=graphs.x.shape[1],
        edge_width=edge_width,
        contexts=_contexts(num),
        sizes=sizes,
        prior=prior,
        labels=labels,
        float_x=float_x,
        float_edge=float_edge,
        step=1.0 if step is None or not (float_x or float_edge) else float(step),
    )
    if prior:
        try:
            _check_prior(header)
        except ValueError as error:
            raise ValueError(f"the set {error}") from None
    return s, w, header


def _room(size: int) -> int:
    """The next power of two; the header stores only which."""
    return 1 << (size - 1).bit_length() if size else 0


def _contexts(graphs: int) -> int:
    """Index of the ``CONTEXTS`` that suit this number of graphs, as found on random parts of ogbg-molhiv."""
    return 1 if graphs < 300 else 2


def _coder(header: Header, sizes: Sizes, buffer: Any, mode: int) -> Coder:
    widths = header.width, header.edge_width or 0
    if not header.prior:
        return new_coder(sizes, buffer, mode, widths, CONTEXTS[header.contexts])
    bits = max(sizes.bits, PRIOR_BITS)
    return resume(_learnt(header.prior, bits, header.contexts), sizes, buffer, mode)


@lru_cache(maxsize=4)
def _learnt(name: str, bits: int, contexts: int) -> Coder:
    """A coder that has coded a prior; kept, since sets are often coded again and again."""
    s, w, header = _prior(name)
    buffer = zeros(1 << 16, np.uint8)
    widths = header.width, header.edge_width or 0
    c = new_coder(header.sizes._replace(bits=bits), buffer, ENCODE, widths, CONTEXTS[contexts])
    code_graphs(c, _source(s, w, c), _ptr(w.size), no_output(), 0, 0, 0)
    cap_counts(c)
    return c


@cache
def _prior(name: str) -> tuple[Symbols, Walks, Header]:
    """The walks of a prior, and what they need."""
    return _prepare(prior_graphs(name), "", False, None)


def _prior_bytes(name: str) -> bytes:
    if name not in PRIORS:
        raise ValueError(
            f"needs the prior {name[:40]!r}, which this release does not have; it has {', '.join(PRIORS)}; "
            f"install the release that coded it"
        )
    return Path(__file__).with_name(f"{name}.bin").read_bytes()


def _check_prior(header: Header) -> None:
    """Fail unless the columns are those of the prior."""
    prior, _ = Header.read(_prior_bytes(header.prior), 2**30)
    found, want = ((h.width, h.edge_width) for h in (header, prior))
    if found != want:
        raise ValueError(
            f"has {found[0]} and {found[1]} columns of x and edge_attr, but its prior {header.prior} has "
            f"{want[0]} and {want[1]}"
        )


def _ptr(size: Any) -> Any:
    return array(np.concatenate([[0], np.cumsum(size)]))


def _source(s: Symbols, w: Walks, c: Coder) -> Source:
    """The walks as the coder reads them; graphs without nodes come first and are skipped."""
    return Source(
        at=zeros(1),
        symbol=array(w.symbol),
        edge=array(w.edge),
        back_ptr=_ptr(w.back_count),
        back_node=array(w.back_node),
        back_edge=array(w.back_edge),
        node_map=_known(s.nodes, _records(c)[0]),
        node_values=array(s.nodes.values),
        node_start=array(s.nodes.ptr),
        edge_map=_known(s.edges, _records(c)[1]),
        edge_values=array(s.edges.values),
        edge_start=array(s.edges.ptr),
    )


def _known(records: Records, before: Records) -> Any:
    """Numbers that symbols have already, -1 for those that are new."""
    if not len(before):
        return array(np.full(len(records), -1))
    number = {tuple(before.row(k)): k for k in range(len(before))}
    return array([number.get(tuple(records.row(k)), -1) for k in range(len(records))])


def _decode_walks(header: Header, body: bytes, limit: int) -> tuple[Walks, Coder]:
    """Decode all walks, anew with more room while the stream needs it and its header grants it."""
    compile_all()
    if header.prior:
        _check_prior(header)
    buffer = array(np.frombuffer(body, np.uint8).copy(), np.uint8)
    capacity = FIRST_CAPACITY
    while True:
        sizes = header.sizes._replace(**{n: min(v, capacity) for n, v in header.sizes._asdict().items()})
        c = _coder(header, sizes, buffer, DECODE)
        w = _walks(header, c, limit)
        if c.m.reg[ERROR] == 0:
            return w, c
        if c.m.reg[ERROR] == OVERRUN:
            raise ValueError("is cut short")
        if sizes == header.sizes:
            raise ValueError("was changed: a graph or a table is larger than its header says")
        capacity *= 4


def _walks(header: Header, c: Coder, limit: int) -> Walks:
    """Decode walks until all are there or something is wrong."""
    nodes, backs = len(c.node[0]), len(c.back_node)
    room = [min(header.graphs, 1024), *[max(nodes, 4096)] * 4, *[backs + 4096] * 2]
    out = Decoded(*(zeros(size) for size in room))
    graph = node = back = 0
    while graph < header.graphs:
        graph, node, back = code_graphs(c, no_source(), zeros(1), out, graph, node, back)
        if c.m.reg[ERROR] or graph == header.graphs:
            break
        if node + back > limit:
            raise ValueError(f"holds more than the limit of {limit} nodes and rings; give a larger limit")
        graphs = min(header.graphs, 2 * len(out.size)) if graph == len(out.size) else len(out.size)
        full = node + nodes > len(out.symbol), back + backs > len(out.back_node)
        out = Decoded(
            longer(out.size, graphs),
            *(longer(a, len(a) * 2 if full[0] else len(a)) for a in out[1:5]),
            *(longer(a, len(a) * 2 if full[1] else len(a)) for a in out[5:]),
        )
    ends = [graph, node, node, node, node, back, back]
    got = [np.asarray(a[:end], np.int64) for a, end in zip(out, ends, strict=True)]
    size = np.concatenate([np.zeros(header.empty, np.int64), got[0]])
    return Walks(np.arange(len(size)), np.arange(len(got[1])), size, *got[1:])


def _records(c: Coder) -> tuple[Records, Records]:
    """The records of all symbols that a coder knows."""
    reg = c.m.reg
    nodes = c.node_values[: reg[state.NODE_POOL]], c.node_start[: reg[state.NODES] + 1]
    edges = c.edge_values[: reg[state.EDGE_POOL]], c.edge_start[: reg[state.EDGES] + 1]
    first, second = (Records(np.asarray(v, np.int64), np.asarray(p, np.int64)) for v, p in (nodes, edges))
    return first, second


def _content(w: Walks, c: Coder, labels: Any) -> int:
    """Checksum of walks, in the numbers of the coder, of the records of their symbols and of labels."""
    parts = [records.values for records in _records(c)] + [getattr(w, field.name) for field in fields(w)[2:]]
    out = 0
    for values in parts if labels is None else [*parts, labels]:
        out = zlib.crc32(values.astype("<i8").tobytes(), out)
    return out
