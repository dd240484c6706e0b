"""Coding of ring closures: to which ancestors with open stubs a node has an edge."""

from __future__ import annotations

from graphdistill.core.codec.arithmetic import ERROR, MODE
from graphdistill.core.codec.columns import code_integer
from graphdistill.core.codec.contexts import (
    BACK,
    BACK_EDGE,
    back_contexts,
    passed_contexts,
)
from graphdistill.core.codec.events import code_edge, join, repeats
from graphdistill.core.codec.jit import jit
from graphdistill.core.codec.model import code_bit
from graphdistill.core.codec.state import (
    BACKS,
    BROKEN,
    DEPTH,
    EVENTS,
    LEFT,
    PARENT,
    PREVIOUS,
    RING,
    USED,
    Coder,
    add_event,
    open_from,
    way_between,
)
from graphdistill.core.codec.symbol_coder import TOO_LARGE, Source

MANY = 24
"""Ancestors with open stubs from which on those passed over are counted; few molecules ever have as many."""


@jit
def close_ring(c: Coder, source: Source, number: int, v: int, a: int, backs: int) -> None:
    """Code the edge from ``v`` to its ancestor ``a``, at which ring ``backs`` of this graph closes.

    Args:
        c: the coder.
        source: the walks to encode.
        number: symbol of the edge there.
        v: the node that was visited last.
        a: its ancestor, which has open stubs.
        backs: number of rings of this graph so far.
    """
    reg = c.m.reg
    distance = c.node[DEPTH][v] - c.node[DEPTH][a]
    e = code_edge(c, source, number, BACK_EDGE, v, a, distance, way_between(c, v, a))
    if backs >= len(c.back_node):
        reg[ERROR] = TOO_LARGE
    if reg[ERROR]:
        return
    c.back_node[backs] = a
    c.back_edge[backs] = e
    c.node[BACKS][v] += 1
    c.node[LEFT][v] -= 1
    c.node[LEFT][a] -= 1
    c.node[USED][v] += 1
    c.node[USED][a] += 1
    join(c, v, a, e)
    y = v
    while y != a:
        c.node[RING][y] = distance
        y = c.node[PARENT][y]
    c.node[RING][a] = distance


@jit
def num_open(c: Coder, a: int, most: int) -> int:
    """How many of ``a``, which has open stubs, and its ancestors have open stubs, at most ``most``."""
    out = 0
    while a >= 0 and out < most:
        out += 1
        a = open_from(c, c.node[PARENT][a])
    return out


@jit
def num_passed(c: Coder, a: int, target: int) -> int:
    """How many open nodes lie from ``a`` to its ancestor ``target``, without that."""
    out = 0
    while a > target:
        out += 1
        a = open_from(c, c.node[PARENT][a])
    return out


@jit
def code_backs(c: Coder, source: Source, v: int, backs: int) -> int:
    """Code to which ancestors of ``v`` rings close; returns the number of rings of this graph so far.

    Each ancestor with open stubs is one decision; where there are many, the number of those passed over is coded.
    """
    reg = c.m.reg
    decode = reg[MODE]
    at, end = 0, 0
    if decode == 0:
        at, end = source.back_ptr[source.at[0] + v], source.back_ptr[source.at[0] + v + 1]
    p = c.node[PARENT][v]
    index, last = 0, 0
    a = open_from(c, c.node[PARENT][p])
    many = num_open(c, a, MANY) == MANY
    while a >= 0 and c.node[LEFT][v] > 0:
        closes = 1
        if many:
            passed = num_passed(c, a, source.back_node[at]) + 1 if at < end else 0
            if repeats(c, BACK, p, passed):
                passed = c.events[PREVIOUS][reg[EVENTS]]
            else:
                passed_contexts(c, v, index, last)
                passed = code_integer(c.m, passed, decode, 8)
            add_event(c, passed & 0xFFFFFFFF)
            if passed <= 0:
                break
            last = passed
            while passed > 1 and a >= 0:
                a = open_from(c, c.node[PARENT][a])
                passed -= 1
            if a < 0:
                reg[ERROR] = TOO_LARGE
                return backs
        else:
            closes = 1 if at < end and source.back_node[at] == a else 0
            if repeats(c, BACK, p, closes):
                closes = c.events[PREVIOUS][reg[EVENTS]]
            elif reg[BROKEN]:
                closes = 2 - reg[BROKEN]  # not the event expected in vain
            else:
                distance = c.node[DEPTH][v] - c.node[DEPTH][a]
                select = back_contexts(c, v, a, distance, index, way_between(c, v, a))
                closes = code_bit(c.m, closes, 1, select)
            add_event(c, closes)
        index += 1
        if closes:
            close_ring(c, source, source.back_edge[at] if decode == 0 else 0, v, a, backs)
            at += 1
            if reg[ERROR]:
                return backs
            backs += 1
        a = open_from(c, c.node[PARENT][a])
    return backs
