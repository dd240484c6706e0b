"""The contexts of each kind of event, the most useful first: small sets take only those."""

from __future__ import annotations

from graphdistill.core.codec.jit import jit
from graphdistill.core.codec.model import COUNT, KIND, mix2, mix3
from graphdistill.core.codec.state import (
    BACK_CONTEXTS,
    BACKS,
    BEFORE,
    BONDS,
    BREAK,
    BROKEN,
    COMPONENTS,
    DEPTH,
    EDGE_CONTEXTS,
    EVENTS,
    LAST,
    LAST2,
    LAST_EDGE,
    LEFT,
    NEAR,
    NODE_CONTEXTS,
    PARENT,
    PATH2,
    PATH3,
    PATH4,
    PATH6,
    PREFIX,
    PREVIOUS,
    RING,
    RUNS,
    SPLITS,
    SYMBOL,
    USED,
    Coder,
    open_from,
    recent,
)

NODE, EDGE, BACK, BACK_EDGE, MORE, SAME, NODE_ROW, EDGE_ROW, LABEL = range(9)
"""Kinds of decisions."""


@jit
def size_class(n: int) -> int:
    """How many bits a number has, at most 20."""
    out = 0
    while n and out < 20:
        n >>= 1
        out += 1
    return out


@jit
def symbol_at(c: Coder, v: int) -> int:
    """The symbol of a node plus one, 0 for no node."""
    return c.node[SYMBOL][v] + 1 if v >= 0 else 0


@jit
def open_above(c: Coder, v: int) -> tuple[int, int, int, int]:
    """The nearest two ancestors with open stubs, -1 for none, and how far they are."""
    first = open_from(c, c.node[PARENT][v])
    if first < 0:
        return -1, 0, -1, 0
    far = c.node[DEPTH][v] - c.node[DEPTH][first]
    second = open_from(c, c.node[PARENT][first])
    if second < 0:
        return first, far, -1, 0
    return first, far, second, c.node[DEPTH][v] - c.node[DEPTH][second]


@jit
def same_contexts(c: Coder, kind: int, up: int) -> int:
    """Contexts of whether an event repeats that of the graph before; returns which weights to use."""
    m = c.m
    reg, h = m.reg, m.context
    at = reg[EVENTS]
    event = c.events[PREVIOUS][at]
    base = mix2(0x5A3E, kind)
    following = c.events[RUNS][at + 1] if at + 1 < reg[BEFORE] else 0
    ways = mix3(base, size_class(c.events[RUNS][at]), mix2(size_class(c.events[SPLITS][at]), size_class(following)))
    place = min(max(at - reg[BREAK], -4), 4) + 4
    h[0] = mix2(base, reg[PREFIX])
    h[1] = ways
    h[2] = mix3(base, 2, mix2(event, symbol_at(c, up)))
    h[3] = mix3(base, 3, mix2(place, size_class(following)))
    h[4] = mix3(ways, event, 4)
    h[5] = mix3(ways, place, size_class(at))
    reg[KIND] = SAME
    reg[COUNT] = 6
    return kind


@jit
def finish_contexts(c: Coder, kind: int, count: int, broken: int) -> None:
    """Set the kind and number of contexts; ``broken``, on what was expected in vain, is one after a difference."""
    reg = c.m.reg
    if reg[BROKEN]:
        c.m.context[count] = broken
        count += 1
    reg[KIND] = kind
    reg[COUNT] = count


@jit
def root_contexts(c: Coder, v: int) -> None:
    """Contexts of the first node of a component."""
    m = c.m
    h = m.context
    base = mix2(0x101, 1 if v > 0 else 0)
    h[0] = base
    h[1] = mix3(base, 1, m.reg[BROKEN])
    h[2] = mix3(base, 2, symbol_at(c, v - 1))
    h[3] = mix3(base, 3, c.m.reg[COMPONENTS])
    m.reg[KIND] = NODE
    m.reg[COUNT] = 4


@jit
def edge_contexts(c: Coder, p: int) -> None:
    """Contexts of the edge from ``p`` to its next child."""
    m = c.m
    h = m.context
    first, far, _second, further = open_above(c, p)
    up = c.node[PARENT][p]
    base = 0x200
    at = mix2(base, c.node[SYMBOL][p])
    count = m.reg[EDGE_CONTEXTS]
    h[0] = mix2(at, 1)
    h[1] = mix3(at, 2, c.node[BONDS][p])
    h[2] = mix3(at, 3, c.node[NEAR][p])
    h[3] = mix3(base, 4, mix2(c.node[PATH2][p], c.node[BONDS][p]))
    h[4] = mix3(at, 5, mix3(far, symbol_at(c, first), c.node[LEFT][p]))
    if count > 5:
        h[5] = mix3(base, 6, recent(c, 4))
        h[6] = mix3(base, 7, mix2(c.node[PATH3][p], c.node[NEAR][p]))
    if count > 7:
        h[7] = mix3(base, 8, mix2(c.node[PATH4][p], c.node[NEAR][p]))
        h[8] = mix3(base, 9, recent(c, 8))
        h[9] = mix3(mix2(at, 10), mix2(far, further), mix3(symbol_at(c, up), symbol_at(c, first), c.node[RING][p]))
        h[10] = mix3(base, 11, mix3(c.node[PATH6][p], c.node[NEAR][p], 0))
    finish_contexts(c, EDGE, count, mix3(at, 12, m.reg[BROKEN]))


@jit
def node_contexts(c: Coder, p: int, e: int) -> None:
    """Contexts of the child of ``p`` by an edge with symbol ``e``."""
    m = c.m
    h = m.context
    up = c.node[PARENT][p]
    base = mix2(0x300, e)
    at = mix2(base, c.node[SYMBOL][p])
    count = m.reg[NODE_CONTEXTS]
    h[0] = base
    h[1] = mix2(at, 1)
    h[2] = mix3(at, 2, mix2(c.node[LEFT][p], symbol_at(c, up)))
    h[3] = mix3(base, 3, c.node[PATH2][p])
    h[4] = mix3(at, 4, c.node[NEAR][p])
    h[5] = mix3(base, 5, recent(c, 4))
    h[6] = mix3(base, 6, mix2(c.node[PATH4][p], c.node[LEFT][p]))
    if count > 7:
        first, far, _second, further = open_above(c, p)
        h[7] = mix3(at, 7, mix2(c.node[NEAR][p], c.node[NEAR][up] if up >= 0 else 0))
        h[8] = mix3(at, 8, mix3(far, symbol_at(c, first), c.node[LEFT][first] if first >= 0 else 0))
        h[9] = mix3(base, 9, c.node[PATH3][p])
    if count > 10:
        h[10] = mix3(base, 10, c.node[PATH6][p])
        h[11] = mix3(at, 11, mix3(c.node[LAST][p], c.node[LAST2][p], c.node[USED][p]))
        h[12] = mix3(base, 12, recent(c, 8))
        h[13] = mix3(at, 13, mix3(mix2(far, further), c.node[RING][p], symbol_at(c, up)))
        h[14] = mix3(at, 14, mix3(symbol_at(c, up), c.node[LAST][p], c.node[LAST_EDGE][p]))
        h[15] = mix3(base, 15, recent(c, 6))
    finish_contexts(c, NODE, count, mix3(at, 16, m.reg[BROKEN]))


@jit
def back_contexts(c: Coder, v: int, a: int, distance: int, index: int, way: int) -> int:
    """Contexts of whether a ring closes from ``v`` to its ancestor ``a``; returns which weights to use.

    Args:
        c: the coder.
        v: the node that was visited last.
        a: an ancestor with open stubs.
        distance: edges between them on the walk.
        index: how many ancestors came before it.
        way: hash of the nodes and edges between them.
    """
    m = c.m
    h = m.context
    base = 0x400
    d = min(distance, 15)
    index = min(index, 6)
    up = c.node[PARENT][v]
    at = mix3(base, c.node[SYMBOL][v], d)
    both = mix2(at, c.node[SYMBOL][a])
    count = m.reg[BACK_CONTEXTS]
    h[0] = mix2(both, 1)
    h[1] = mix3(base, 2, mix2(way, c.node[SYMBOL][a]))
    h[2] = mix3(both, 3, mix3(c.node[LEFT][v], c.node[LEFT][a], index))
    h[3] = mix3(base, 4, mix3(way, c.node[NEAR][a], c.node[NEAR][v]))
    h[4] = mix3(
        mix2(at, 5), c.node[RING][a], mix3(c.node[RING][up] if up >= 0 else 0, c.node[LEFT][v], c.node[LEFT][a])
    )
    if count > 5:
        h[5] = mix3(both, 6, symbol_at(c, up))
        h[6] = mix3(base, 7, mix3(c.node[SYMBOL][v], index, c.node[LEFT][v]))
    if count > 7:
        _first, far, _second, further = open_above(c, a)
        h[7] = mix3(base, 8, d)
        h[8] = mix3(both, 9, mix2(c.node[NEAR][a], c.node[LEFT][a]))
        h[9] = mix3(base, 10, mix2(recent(c, 6), index))
        h[10] = mix3(both, 11, mix3(far, further, index))
    finish_contexts(c, BACK, count, mix3(at, 12, m.reg[BROKEN]))
    return min(d, 8) // 2


@jit
def passed_contexts(c: Coder, v: int, index: int, last: int) -> None:
    """Contexts of how many open ancestors of ``v`` are passed over until a ring closes.

    Args:
        c: the coder.
        v: the node that was visited last.
        index: how many rings close at it already.
        last: how many ancestors were passed over before the latest of these.
    """
    m = c.m
    h = m.context
    base = mix2(0x450, min(index, 6))
    up = c.node[PARENT][v]
    h[0] = base
    h[1] = mix3(base, 1, c.node[SYMBOL][v])
    h[2] = mix3(base, 2, c.node[LEFT][v])
    h[3] = mix3(base, 3, last)
    h[4] = mix3(base, 4, mix2(c.node[RING][up], c.node[BACKS][up]))
    h[5] = mix3(base, 5, mix2(size_class(c.node[RING][up]), c.node[LEFT][v]))
    h[6] = mix3(base, 6, recent(c, 2))
    m.reg[KIND] = BACK
    m.reg[COUNT] = 7


@jit
def back_edge_contexts(c: Coder, v: int, a: int, distance: int, way: int) -> None:
    """Contexts of the edge from ``v`` to an ancestor ``a`` at which a ring closes."""
    m = c.m
    h = m.context
    base = 0x500
    both = mix3(base, c.node[SYMBOL][v], c.node[SYMBOL][a])
    h[0] = base
    h[1] = mix2(both, 1)
    h[2] = mix3(both, 2, mix2(c.node[BONDS][v], c.node[BONDS][a]))
    h[3] = mix3(both, 3, distance)
    h[4] = mix3(base, 4, mix2(way, c.node[SYMBOL][a]))
    h[5] = mix3(base, 5, recent(c, 6))
    h[6] = mix3(base, 6, mix2(c.node[BONDS][v], distance))
    m.reg[KIND] = BACK_EDGE
    m.reg[COUNT] = 7


@jit
def more_contexts(c: Coder, v: int) -> None:
    """Contexts of whether another component follows after ``v`` nodes."""
    m = c.m
    h = m.context
    base = mix2(0x600, min(m.reg[COMPONENTS], 3))
    h[0] = base
    h[1] = mix3(base, 1, c.node[SYMBOL][0])
    h[2] = mix3(base, 2, size_class(v))
    h[3] = mix3(base, 3, c.node[SYMBOL][v - 1])
    m.reg[KIND] = MORE
    m.reg[COUNT] = 4
