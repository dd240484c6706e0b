"""All state of a coder of graphs in arrays: symbols known so far, the graph at hand, the one before it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from graphdistill.core.codec.arithmetic import start
from graphdistill.core.codec.jit import Bytes, Ints, Table, array, jit, longer, table, zeros
from graphdistill.core.codec.model import MAX_CONTEXTS, NUM_MODEL_REGISTERS, Model, mix2, new_model

NODES, EDGES, NODE_POOL, EDGE_POOL, SYNC, EVENTS, BEFORE, PREFIX, BROKEN, BREAK, COMPONENTS = range(
    NUM_MODEL_REGISTERS, NUM_MODEL_REGISTERS + 11
)
"""Registers: numbers of known symbols and of their integers; whether this graph repeats the one before it; the numbers
of events of both; hash of all events; the event that was expected in vain; where; components."""
RECENT = NUM_MODEL_REGISTERS + 11
"""First of eight registers of the latest events."""
NUM_RECENT = 8
WIDTH_X, WIDTH_EDGE, MAX_RECORD, NODE_CONTEXTS, EDGE_CONTEXTS, BACK_CONTEXTS = range(RECENT + 8, RECENT + 14)
"""Registers: columns of nodes and edges, longest record, contexts to use."""
NUM_REGISTERS = RECENT + 14

PRIOR_COUNT = 4
"""Largest count of a probability that comes from a prior, so that the graphs at hand soon weigh more."""
MAX_EVENTS = 4096
"""Events of a graph that the next one is compared with."""
WAY_BASE, WAY_MASK = 0x2545F491, 0x7FFFFFFF
"""Hashes of ways are polynomials in the first, modulo 2**31, so that no product has more than 63 bits."""
SHORT, LONG = 4, 16
"""Lengths of the lists of likely symbols, after the same parent and in general."""


(
    SYMBOL,
    PARENT,
    INCOMING,
    LEFT,
    USED,
    LAST,
    LAST2,
    LAST_EDGE,
    RING,
    NEAR,
    BONDS,
    BACKS,
    PATH1,
    PATH2,
    PATH3,
    PATH4,
    PATH6,
    DEPTH,
    SKIP,
    WAY,
    POWER,
) = range(21)
"""Rows of ``Coder.node``: symbol, parent, symbol of the edge from it, open stubs, edges so far, the last two children
and the edge to the last, size of the latest ring, hash sums of neighbours and of edges, number of ring closures, hashes
of the last edges to it, depth, the nearest ancestor that may have open stubs, hash of the whole way to it; and powers
of a constant, which take the beginning off such a hash."""
NOW, PREVIOUS, RUNS, SPLITS = range(4)
"""Rows of ``Coder.events``: events of this graph and of the one before, how many graphs in a row share all events
before this one, how many ways they went."""


class Coder(NamedTuple):
    """A model and what it predicts from.

    Attributes:
        m: the model.
        node_values, node_start, node_degree: record of each known symbol of nodes, and its open stubs.
        edge_values, edge_start: record of each known symbol of edges.
        node: of each visited node the rows from ``SYMBOL`` to ``POWER``.
        back_node, back_edge: ring closures of this graph.
        events: at each event the rows from ``NOW`` to ``SPLITS``.
        lists: likely symbols with counts.
    """

    m: Model
    node_values: Ints
    node_start: Ints
    node_degree: Ints
    edge_values: Ints
    edge_start: Ints
    node: Table
    back_node: Ints
    back_edge: Ints
    events: Table
    lists: Ints


class Sizes(NamedTuple):
    """Capacities of a coder, each at least what its graphs need."""

    bits: int
    """Slots of the hash table, as a power of two."""
    nodes: int
    """Nodes of a graph."""
    backs: int
    """Ring closures of a graph."""
    node_symbols: int
    node_integers: int
    edge_symbols: int
    edge_integers: int


def new_coder(sizes: Sizes, buffer: Bytes, mode: int, widths: tuple[int, int], contexts: tuple[int, int, int]) -> Coder:
    """A coder that has seen nothing."""
    m = new_model(sizes.bits, NUM_REGISTERS, buffer, mode)
    m.reg[WIDTH_X], m.reg[WIDTH_EDGE] = widths
    m.reg[NODE_CONTEXTS], m.reg[EDGE_CONTEXTS], m.reg[BACK_CONTEXTS] = contexts
    return Coder(
        m,
        zeros(sizes.node_integers),
        zeros(sizes.node_symbols + 1),
        zeros(sizes.node_symbols + 1),
        zeros(sizes.edge_integers),
        zeros(sizes.edge_symbols + 1),
        _node_table(sizes.nodes),
        zeros(sizes.backs),
        zeros(sizes.backs),
        table(4, MAX_EVENTS),
        array(np.zeros(1 << max(sizes.bits - 2, 10), np.int64)),
    )


def _node_table(nodes: int) -> Table:
    node = table(21, nodes)
    power = 1
    for d in range(nodes):
        node[POWER][d] = power
        power = (power * WAY_BASE) & WAY_MASK
    return node


def resume(known: Coder, sizes: Sizes, buffer: Bytes, mode: int) -> Coder:
    """A coder that starts with what another one has learnt, which stays as it is.

    Symbols, likely ones and weights are those at the other's end, and so are probabilities, as if seen a few times.

    Args:
        known: the other coder.
        sizes: room for the new graphs and their symbols, in addition to those known; slots are those of ``known``.
        buffer: bytes to write or read.
        mode: ``ENCODE`` or ``DECODE``.
    """
    old = known.m
    reg = old.reg.copy()
    start(reg, buffer, mode)
    for k in (EVENTS, BREAK, BROKEN, SYNC, *range(RECENT, RECENT + NUM_RECENT)):
        reg[k] = 0
    changing = {name: getattr(old, name).copy() for name in ("context", "slots", "weights", "sse", "seen")}
    return Coder(
        old._replace(reg=reg, buffer=buffer, work=table(4, MAX_CONTEXTS), **changing),
        longer(known.node_values, len(known.node_values) + sizes.node_integers),
        longer(known.node_start, len(known.node_start) + sizes.node_symbols),
        longer(known.node_degree, len(known.node_degree) + sizes.node_symbols),
        longer(known.edge_values, len(known.edge_values) + sizes.edge_integers),
        longer(known.edge_start, len(known.edge_start) + sizes.edge_symbols),
        _node_table(sizes.nodes),
        zeros(sizes.backs),
        zeros(sizes.backs),
        table(4, MAX_EVENTS),
        known.lists.copy(),
    )


@jit
def list_at(c: Coder, key: int, length: int) -> int:
    """Where the list of likely symbols for a hash begins."""
    return (mix2(key, length) % (len(c.lists) // length)) * length


@jit
def promote(c: Coder, start: int, length: int, symbol: int) -> None:
    """Count a symbol in its list, which stays sorted by counts; the last one makes room when the list is full."""
    lists = c.lists
    for i in range(start, start + length):
        entry = lists[i]
        if entry == 0:
            lists[i] = ((symbol + 1) << 20) | 1
            return
        if (entry >> 20) == symbol + 1:
            if entry & 0xFFFFF < 0xFFFFF:
                entry += 1
            if i > start and (entry & 0xFFFFF) > (lists[i - 1] & 0xFFFFF):
                lists[i] = lists[i - 1]
                lists[i - 1] = entry
            else:
                lists[i] = entry
            return
    if lists[start + length - 1] & 0xFFFFF > 1:
        lists[start + length - 1] -= 1
    else:
        lists[start + length - 1] = ((symbol + 1) << 20) | 1


@jit
def add_event(c: Coder, event: int) -> None:
    """Note an event of this graph."""
    reg = c.m.reg
    if reg[EVENTS] < len(c.events[NOW]):
        c.events[NOW][reg[EVENTS]] = event
    reg[EVENTS] += 1
    reg[PREFIX] = mix2(reg[PREFIX], event + 1)
    for i in range(7, 0, -1):
        reg[RECENT + i] = reg[RECENT + i - 1]
    reg[RECENT] = event


@jit
def recent(c: Coder, size: int) -> int:
    """Hash of the latest ``size`` events."""
    out = size
    for i in range(size):
        out = mix2(out, c.m.reg[RECENT + i] + 1)
    return out


@jit
def open_from(c: Coder, v: int) -> int:
    """The nearest of ``v`` and its ancestors with open stubs, -1 for none; it skips all others at once next time."""
    left, skip = c.node[LEFT], c.node[SKIP]
    out = v
    while out >= 0 and left[out] <= 0:
        out = skip[out]
    while v >= 0 and v != out:
        following = skip[v]
        skip[v] = out
        v = following
    return int(out)


@jit
def way_between(c: Coder, v: int, a: int) -> int:
    """Hash of the nodes and edges from ``v`` up to its ancestor ``a``, without ``a``."""
    node = c.node
    return int((node[WAY][v] - node[WAY][a] * node[POWER][node[DEPTH][v] - node[DEPTH][a]]) & 0x7FFFFFFF)


@jit
def start_graph(c: Coder) -> None:
    """Make this graph the one before, and begin another."""
    reg = c.m.reg
    count = min(reg[EVENTS], len(c.events[NOW]))
    at = min(reg[BREAK], len(c.events[NOW]) - 1)
    for i in range(count):
        c.events[PREVIOUS][i] = c.events[NOW][i]
        if i <= at:
            c.events[RUNS][i] += 1
            if i == at:
                c.events[SPLITS][i] += 1
        else:
            c.events[RUNS][i] = 1
            c.events[SPLITS][i] = 1
    reg[BEFORE] = count
    reg[SYNC] = 1 if count > 0 else 0
    reg[BROKEN] = 0
    reg[EVENTS] = 0
    reg[PREFIX] = 1
    reg[COMPONENTS] = 0


def cap_counts(c: Coder) -> None:
    """Let all probabilities be as if seen a few times at most, so that other graphs soon change them."""
    slots = np.asarray(c.m.slots, np.int64)
    count = (slots >> 24) & 255
    c.m.slots[:] = array(slots - (np.maximum(count - PRIOR_COUNT, 0) << 24))
