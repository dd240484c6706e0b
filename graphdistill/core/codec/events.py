"""Coding of single events of a walk: nodes and edges, and whether an event is that of the graph before."""

from __future__ import annotations

from graphdistill.core.codec.arithmetic import MODE
from graphdistill.core.codec.contexts import (
    EDGE,
    NODE,
    back_edge_contexts,
    edge_contexts,
    node_contexts,
    root_contexts,
    same_contexts,
)
from graphdistill.core.codec.jit import jit
from graphdistill.core.codec.model import code_bit, mix2, mix3
from graphdistill.core.codec.state import (
    BACKS,
    BEFORE,
    BONDS,
    BREAK,
    BROKEN,
    DEPTH,
    EDGES,
    EVENTS,
    INCOMING,
    LAST,
    LAST2,
    LAST_EDGE,
    LEFT,
    LONG,
    NEAR,
    NODES,
    PARENT,
    PATH1,
    PATH2,
    PATH3,
    PATH4,
    PATH6,
    PREVIOUS,
    RING,
    SHORT,
    SKIP,
    SYMBOL,
    SYNC,
    USED,
    WAY,
    WAY_BASE,
    WAY_MASK,
    Coder,
    add_event,
    list_at,
    promote,
)
from graphdistill.core.codec.symbol_coder import Source, code_symbol, new_edge, new_node


@jit
def repeats(c: Coder, kind: int, up: int, event: int) -> bool:
    """Code whether the next event is that of the graph before; only while all were so far.

    Args:
        c: the coder.
        kind: kind of event.
        up: parent of the node at hand, -1 for none.
        event: the event when encoding.
    """
    reg = c.m.reg
    if reg[SYNC] == 0:
        reg[BROKEN] = 0
        return False
    at = reg[EVENTS]
    if at >= reg[BEFORE]:
        reg[SYNC] = 0
        reg[BREAK] = at
        return False
    select = same_contexts(c, kind, up)
    if code_bit(c.m, 1 if event == c.events[PREVIOUS][at] else 0, 1, select):
        return True
    reg[SYNC] = 0
    reg[BREAK] = at
    reg[BROKEN] = c.events[PREVIOUS][at] + 1
    return False


@jit
def join(c: Coder, v: int, p: int, e: int) -> None:
    """Add an edge between two visited nodes to what is known of both."""
    c.node[BONDS][v] = (c.node[BONDS][v] + mix2(77, e)) & 0xFFFFFFFF
    c.node[BONDS][p] = (c.node[BONDS][p] + mix2(77, e)) & 0xFFFFFFFF
    c.node[NEAR][v] = (c.node[NEAR][v] + mix3(79, e, c.node[SYMBOL][p])) & 0xFFFFFFFF
    c.node[NEAR][p] = (c.node[NEAR][p] + mix3(79, e, c.node[SYMBOL][v])) & 0xFFFFFFFF


@jit
def code_node(c: Coder, source: Source, v: int, p: int, e: int) -> None:
    """Code the node of visit ``v``, the child of ``p`` by the edge ``e``, or the first of a component."""
    reg = c.m.reg
    number, symbol = 0, 0
    if reg[MODE] == 0:
        number = source.symbol[source.at[0] + v]
        symbol = source.node_map[number]
        if symbol < 0:
            symbol = reg[NODES]
    if repeats(c, NODE, p, symbol):
        symbol = c.events[PREVIOUS][reg[EVENTS]]
    else:
        if p < 0:
            root_contexts(c, v)
        else:
            node_contexts(c, p, e)
        key = mix2(NODE, e + 1 if p >= 0 else 0)
        short = list_at(c, mix3(key, c.node[SYMBOL][p] + 1 if p >= 0 else 0, 1), SHORT)
        long = list_at(c, key, LONG)
        known = reg[NODES]
        symbol = code_symbol(c, symbol, short, long, known)
        if symbol == known:
            symbol = new_node(c, source.node_values, source.node_start[number], c.node[SYMBOL][p] if p >= 0 else -1)
            if reg[MODE] == 0:
                source.node_map[number] = symbol
        promote(c, short, SHORT, symbol)
        promote(c, long, LONG, symbol)
    add_event(c, symbol)
    c.node[SYMBOL][v] = symbol
    c.node[PARENT][v] = p
    c.node[INCOMING][v] = e
    c.node[LEFT][v] = c.node_degree[symbol]
    c.node[LAST][v] = 0
    c.node[LAST2][v] = 0
    c.node[LAST_EDGE][v] = 0
    c.node[RING][v] = 0
    c.node[BACKS][v] = 0
    c.node[USED][v] = 0
    c.node[NEAR][v] = 0
    c.node[BONDS][v] = 0
    step = mix2(symbol, e)
    c.node[PATH1][v] = step
    c.node[SKIP][v] = p
    c.node[DEPTH][v] = c.node[DEPTH][p] + 1 if p >= 0 else 0
    c.node[WAY][v] = ((c.node[WAY][p] * WAY_BASE if p >= 0 else 0) + step) & WAY_MASK
    if p < 0:
        c.node[PATH2][v] = mix2(step, 2)
        c.node[PATH3][v] = mix2(step, 3)
        c.node[PATH4][v] = mix2(step, 4)
        c.node[PATH6][v] = mix2(step, 6)
        return
    c.node[PATH2][v] = mix3(step, 2, c.node[PATH1][p])
    c.node[PATH3][v] = mix3(step, 3, c.node[PATH2][p])
    c.node[PATH4][v] = mix3(step, 4, c.node[PATH3][p])
    up = c.node[PARENT][p]
    c.node[PATH6][v] = mix3(c.node[PATH2][v], 6, c.node[PATH4][up] if up >= 0 else c.node[PATH1][p])
    # A degree that is less than what the walk shows is an error of the stream, found by its check; nothing breaks.
    c.node[LEFT][v] -= 1
    c.node[LEFT][p] -= 1
    c.node[USED][v] = 1
    c.node[USED][p] += 1
    c.node[LAST2][p] = c.node[LAST][p]
    c.node[LAST][p] = symbol + 1
    c.node[LAST_EDGE][p] = e
    join(c, v, p, e)


@jit
def code_edge(c: Coder, source: Source, number: int, kind: int, p: int, other: int, distance: int, way: int) -> int:
    """Code the symbol of an edge from ``p`` to a child, or to its ancestor ``other``; returns it."""
    reg = c.m.reg
    symbol = 0
    if reg[MODE] == 0:
        symbol = source.edge_map[number]
        if symbol < 0:
            symbol = reg[EDGES]
    if repeats(c, kind, p, symbol):
        symbol = c.events[PREVIOUS][reg[EVENTS]]
    else:
        if kind == EDGE:
            edge_contexts(c, p)
        else:
            back_edge_contexts(c, p, other, distance, way)
        short = list_at(c, mix3(kind, c.node[SYMBOL][p], c.node[SYMBOL][other] if other >= 0 else 0), SHORT)
        long = list_at(c, kind, LONG)
        known = reg[EDGES]
        symbol = code_symbol(c, symbol, short, long, known)
        if symbol == known:
            symbol = new_edge(c, source.edge_values, source.edge_start[number])
            if reg[MODE] == 0:
                source.edge_map[number] = symbol
        promote(c, short, SHORT, symbol)
        promote(c, long, LONG, symbol)
    add_event(c, symbol)
    return symbol
