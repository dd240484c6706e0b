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
    EDGE,
    MORE,
    more_contexts,
)
from graphdistill.core.codec.events import code_edge, code_node, repeats
from graphdistill.core.codec.jit import Ints, jit, zeros
from graphdistill.core.codec.model import code_bit
from graphdistill.core.codec.rings import code_backs
from graphdistill.core.codec.state import (
    BACKS,
    BREAK,
    BROKEN,
    COMPONENTS,
    EVENTS,
    INCOMING,
    PARENT,
    PREVIOUS,
    SYMBOL,
    SYNC,
    Coder,
    add_event,
    open_from,
    start_graph,
)
from graphdistill.core.codec.symbol_coder import TOO_LARGE, Source


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
