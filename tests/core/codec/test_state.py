from graphdistill.core.codec.arithmetic import ENCODE
from graphdistill.core.codec.jit import zeros
from graphdistill.core.codec.state import (
    BREAK,
    EVENTS,
    MAX_EVENTS,
    NOW,
    PREFIX,
    PREVIOUS,
    RUNS,
    SHORT,
    SPLITS,
    SYNC,
    Sizes,
    add_event,
    list_at,
    new_coder,
    promote,
    recent,
    start_graph,
)


def coder():
    return new_coder(Sizes(12, 4, 4, 4, 16, 4, 16), zeros(8, "uint8"), ENCODE, (1, 1), (7, 5, 5))


def listed(c, start):
    return [((e >> 20) - 1, e & 0xFFFFF) for e in c.lists[start : start + SHORT] if e]


def test_likely_symbols_move_up_by_their_counts():
    c = coder()
    start = list_at(c, 5, SHORT)
    for symbol in (3, 4, 4, 4, 3, 7, 8):
        promote(c, start, SHORT, symbol)
    assert listed(c, start) == [(4, 3), (3, 2), (7, 1), (8, 1)]
    promote(c, start, SHORT, 9)
    assert listed(c, start)[-1] == (9, 1)


def test_graphs_in_a_row_that_share_events_are_counted():
    c = coder()
    reg = c.m.reg
    for events, at in (([5, 6, 7], 0), ([5, 6, 8], 2), ([5, 9], 1)):
        start_graph(c)
        for event in events:
            add_event(c, event)
        reg[BREAK] = at
    start_graph(c)
    assert reg[SYNC] == 1
    assert list(c.events[PREVIOUS][:2]) == [5, 9]
    assert list(c.events[RUNS][:2]) == [3, 3]
    assert list(c.events[SPLITS][:2]) == [1, 2]
    assert reg[EVENTS] == 0


def test_only_so_many_events_are_kept():
    c = coder()
    start_graph(c)
    for event in range(MAX_EVENTS + 5):
        add_event(c, event)
    assert c.m.reg[EVENTS] == MAX_EVENTS + 5
    assert c.events[NOW][MAX_EVENTS - 1] == MAX_EVENTS - 1
    assert recent(c, 2) != recent(c, 3)
    assert c.m.reg[PREFIX] < 2**32
    start_graph(c)
