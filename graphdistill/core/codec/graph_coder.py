"""Coding of walks: the events of a graph, each predicted from what the walk has seen.

Events are, in the order of the walk: the symbol of a node; for each ancestor with open stubs, nearest first, whether a
ring closes to it, and the symbol of that edge; whether another component follows; the symbol of the edge to a child.
A node's symbol has its degree, so the coder knows how many of its edges are still to come (its open stubs), and no
event ends a branch.

Graphs are sorted by their events. While a graph repeats the events of the one before it, one decision is coded for
each; after the first difference the event itself.
"""

from __future__ import annotations

from typing import NamedTuple

from graphdistill.core.codec.arithmetic import ERROR, MODE
from graphdistill.core.codec.contexts import (
    BACK,
    BACK_EDGE,
    EDGE,
    MORE,
    NODE,
    back_contexts,
    back_edge_contexts,
    edge_contexts,
    more_contexts,
    node_contexts,
    root_contexts,
    same_contexts,
)
from graphdistill.core.codec.jit import Ints, jit, zeros
from graphdistill.core.codec.model import code_bit, mix2, mix3
from graphdistill.core.codec.state import (
    BACKS,
    BEFORE,
    BONDS,
    BREAK,
    BROKEN,
    COMPONENTS,
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
    open_from,
    promote,
    start_graph,
    way_between,
)
from graphdistill.core.codec.symbol_coder import TOO_LARGE, Source, code_symbol, new_edge, new_node


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


@jit
def code_backs(c: Coder, source: Source, v: int, backs: int) -> int:
    """Code to which ancestors of ``v`` rings close; returns the number of rings of this graph so far."""
    reg = c.m.reg
    decode = reg[MODE]
    at, end = 0, 0
    if decode == 0:
        at, end = source.back_ptr[source.at[0] + v], source.back_ptr[source.at[0] + v + 1]
    p = c.node[PARENT][v]
    index = 0
    a = open_from(c, c.node[PARENT][p])
    while a >= 0 and c.node[LEFT][v] > 0:
        distance = c.node[DEPTH][v] - c.node[DEPTH][a]
        way = way_between(c, v, a)
        closes = 1 if at < end and source.back_node[at] == a else 0
        if repeats(c, BACK, p, closes):
            closes = c.events[PREVIOUS][reg[EVENTS]]
        elif reg[BROKEN]:
            closes = 2 - reg[BROKEN]  # not the event expected in vain
        else:
            select = back_contexts(c, v, a, distance, index, way)
            closes = code_bit(c.m, closes, 1, select)
        add_event(c, closes)
        index += 1
        if closes:
            number = source.back_edge[at] if decode == 0 else 0
            at += 1
            e = code_edge(c, source, number, BACK_EDGE, v, a, distance, way)
            if backs >= len(c.back_node):
                reg[ERROR] = TOO_LARGE
            if reg[ERROR]:
                return backs
            c.back_node[backs] = a
            c.back_edge[backs] = e
            backs += 1
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
        a = open_from(c, c.node[PARENT][a])
    return backs


@jit
def code_graph(c: Coder, source: Source, size: int) -> int:
    """Code one graph; the walk lies in ``source`` when encoding and in the coder when decoding.

    Args:
        c: the coder.
        source: the walks to encode; of a decoder, one without any.
        size: number of nodes when encoding.

    Returns:
        The number of nodes; the register ``ERROR`` holds what went wrong, 0 if nothing.
    """
    reg = c.m.reg
    start_graph(c)
    v, backs = 0, 0
    p, e = -1, 0
    while reg[ERROR] == 0:
        if v >= len(c.node[SYMBOL]):
            reg[ERROR] = TOO_LARGE
            break
        code_node(c, source, v, p, e)
        if reg[ERROR]:
            break
        if p >= 0:
            backs = code_backs(c, source, v, backs)
        p = v
        v += 1
        p = open_from(c, p)
        if p >= 0:
            number = source.edge[source.at[0] + v] if reg[MODE] == 0 else 0
            e = code_edge(c, source, number, EDGE, p, -1, 0, 0)
        else:
            reg[COMPONENTS] += 1
            more = 1 if v < size else 0
            if repeats(c, MORE, -1, more):
                more = c.events[PREVIOUS][reg[EVENTS]]
            elif reg[BROKEN]:
                more = 2 - reg[BROKEN]
            else:
                more_contexts(c, v)
                more = code_bit(c.m, more, 1, 0)
            add_event(c, more)
            e = 0
            if not more:
                break
    if reg[SYNC]:
        # The whole graph was that before it.
        reg[BREAK] = reg[EVENTS]
    return v


def no_source() -> Source:
    """The source of a decoder."""
    return Source(*(zeros(1) for _ in Source._fields))


class Decoded(NamedTuple):
    """Walks from a decoder: of each graph its nodes, of each node its symbol, parent, edge to it and ring closures."""

    size: Ints
    symbol: Ints
    parent: Ints
    edge: Ints
    back_count: Ints
    back_node: Ints
    back_edge: Ints


def no_output() -> Decoded:
    """The output of an encoder."""
    return Decoded(*(zeros(1) for _ in Decoded._fields))


@jit
def code_graphs(
    c: Coder, source: Source, node_ptr: Ints, out: Decoded, graph: int, node: int, back: int
) -> tuple[int, int, int]:
    """Encode all graphs, or decode graphs while there is room in ``out``.

    Args:
        c: the coder.
        source: the walks to encode.
        node_ptr: first visit of each graph to encode.
        out: where decoded walks go.
        graph: how many graphs lie there already, or the first one to encode.
        node: how many nodes lie there.
        back: how many ring closures.

    Returns:
        How many lie there now.
    """
    decode = c.m.reg[MODE]
    last = len(out.size) if decode else len(node_ptr) - 1
    while graph < last:
        size = 0
        if decode == 0:
            source.at[0] = node_ptr[graph]
            size = node_ptr[graph + 1] - node_ptr[graph]
        elif node + len(c.node[SYMBOL]) > len(out.symbol) or back + len(c.back_node) > len(out.back_node):
            break
        size = code_graph(c, source, size)
        if c.m.reg[ERROR]:
            break
        if decode:
            out.size[graph] = size
            backs = 0
            for v in range(size):
                out.symbol[node + v] = c.node[SYMBOL][v]
                out.parent[node + v] = c.node[PARENT][v]
                out.edge[node + v] = c.node[INCOMING][v]
                out.back_count[node + v] = c.node[BACKS][v]
                backs += c.node[BACKS][v]
            for j in range(backs):
                out.back_node[back + j] = c.back_node[j]
                out.back_edge[back + j] = c.back_edge[j]
            node += size
            back += backs
        graph += 1
    return graph, node, back
