"""Coding of symbols: known ones by lists of likely symbols, new ones by their rows."""

from __future__ import annotations

from typing import NamedTuple

from graphdistill.core.codec.arithmetic import ERROR
from graphdistill.core.codec.columns import code_part
from graphdistill.core.codec.contexts import EDGE_ROW, NODE_ROW
from graphdistill.core.codec.jit import Ints, jit
from graphdistill.core.codec.model import COUNT, code_bit
from graphdistill.core.codec.state import (
    BROKEN,
    EDGE_POOL,
    EDGES,
    LONG,
    NODE_CONTEXTS,
    NODE_POOL,
    NODES,
    SHORT,
    SYMBOL,
    WIDTH_EDGE,
    WIDTH_X,
    Coder,
)

SMALL_CONTEXTS = 10
"""Contexts of nodes up to which a set is small."""
RARE_CONTEXTS = 7
"""Contexts of the decisions after the list of the most likely symbols, in small sets."""
TOO_LARGE = 2
"""Error: a graph or a table is larger than the header says."""


class Source(NamedTuple):
    """Walks to encode, and the numbers that symbols get as they first appear.

    Attributes:
        at: first visit of the graph at hand.
        symbol, edge, back_ptr, back_node, back_edge: as in ``Walks``.
        node_map, edge_map: number of each symbol in the coder, -1 until it appears.
        node_values, node_start, edge_values, edge_start: the records of symbols.
    """

    at: Ints
    symbol: Ints
    edge: Ints
    back_ptr: Ints
    back_node: Ints
    back_edge: Ints
    node_map: Ints
    node_values: Ints
    node_start: Ints
    edge_map: Ints
    edge_values: Ints
    edge_start: Ints


@jit
def code_symbol(c: Coder, symbol: int, short: int, long: int, known: int) -> int:
    """Code a symbol below ``known``, or ``known`` for a new one, in the contexts at hand; returns it.

    Likely symbols are tried one after another: the list at ``short``, then that at ``long``; then whether it is new,
    then its bits.
    """
    m, lists = c.m, c.lists
    excluded = m.reg[BROKEN] - 1
    found = -1
    for i in range(SHORT):
        entry = lists[short + i]
        if entry == 0:
            break
        candidate = (entry >> 20) - 1
        if candidate != excluded and code_bit(m, 1 if candidate == symbol else 0, 64 + candidate, min(i, 2)):
            found = candidate
            break
    if found < 0:
        if m.reg[NODE_CONTEXTS] <= SMALL_CONTEXTS:
            m.reg[COUNT] = min(m.reg[COUNT], RARE_CONTEXTS)
        for i in range(LONG):
            entry = lists[long + i]
            if entry == 0:
                break
            candidate = (entry >> 20) - 1
            tried = candidate == excluded
            for j in range(SHORT):
                if lists[short + j] >> 20 == candidate + 1:
                    tried = True
            if not tried and code_bit(m, 1 if candidate == symbol else 0, 64 + candidate, 3):
                found = candidate
                break
    if found < 0:
        if known == 0 or code_bit(m, 1 if symbol == known else 0, 1, 4):
            found = known
        else:
            size = 0
            while (known - 1) >> size:
                size += 1
            found = 0
            for j in range(size - 1, -1, -1):
                bit = 0
                if ((found * 2 + 1) << j) < known:
                    bit = code_bit(m, (symbol >> j) & 1, 2 + (1 << (size - 1 - j)) + found * 64, 5)
                found = found * 2 + bit
    return found


@jit
def most(room: int, width: int) -> int:
    """How many rows of a width there is room for; of rows without columns a number that cannot overflow."""
    return room // width if width > 0 else 1 << 31


@jit
def new_node(c: Coder, values: Ints, start: int, like: int) -> int:
    """Code the record of a node that is new, from ``values`` when encoding; returns its symbol."""
    reg = c.m.reg
    symbol, at, width, edge_width = reg[NODES], reg[NODE_POOL], reg[WIDTH_X], reg[WIDTH_EDGE]
    if symbol + 1 >= len(c.node_start) or at + width + 2 > len(c.node_values):
        reg[ERROR] = TOO_LARGE
        return 0
    other = c.node_start[like] if like >= 0 else -1
    pool = c.node_values
    code_part(c.m, NODE_ROW, pool, at, 0, width + 1, values, start, other)
    loops = pool[at + width]
    if loops < 0 or loops > most(len(pool) - at - width - 2, edge_width):
        reg[ERROR] = TOO_LARGE
        return 0
    size = width + 1 + loops * edge_width
    code_part(c.m, NODE_ROW, pool, at, width + 1, size, values, start, -1)
    code_part(c.m, NODE_ROW, pool, at, size, size + 1, values, start, -1)
    degree = pool[at + size]
    if degree < 0 or degree >= len(c.node[SYMBOL]):
        reg[ERROR] = TOO_LARGE
        return 0
    c.node_degree[symbol] = degree
    reg[NODES] = symbol + 1
    reg[NODE_POOL] = at + size + 1
    c.node_start[symbol + 1] = at + size + 1
    return int(symbol)


@jit
def new_edge(c: Coder, values: Ints, start: int) -> int:
    """Code the record of an edge that is new, from ``values`` when encoding; returns its symbol."""
    reg = c.m.reg
    symbol, at, width = reg[EDGES], reg[EDGE_POOL], reg[WIDTH_EDGE]
    pool = c.edge_values
    if symbol + 1 >= len(c.edge_start) or at + 1 > len(pool):
        reg[ERROR] = TOO_LARGE
        return 0
    code_part(c.m, EDGE_ROW, pool, at, 0, 1, values, start, -1)
    size = 1
    for side in range(2):
        if side == 0 or pool[at] == 0:
            if at + size + 1 > len(pool):
                reg[ERROR] = TOO_LARGE
                return 0
            code_part(c.m, EDGE_ROW, pool, at, size, size + 1, values, start, -1)
            count = pool[at + size]
            if count < 0 or count > most(len(pool) - at - size - 1, width):
                reg[ERROR] = TOO_LARGE
                return 0
            code_part(c.m, EDGE_ROW, pool, at, size + 1, size + 1 + count * width, values, start, -1)
            size += 1 + count * width
    reg[EDGES] = symbol + 1
    reg[EDGE_POOL] = at + size
    c.edge_start[symbol + 1] = at + size
    return int(symbol)
