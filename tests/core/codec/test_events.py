from graphdistill.core.codec.arithmetic import ENCODE
from graphdistill.core.codec.events import join, repeats
from graphdistill.core.codec.jit import compile_all, zeros
from graphdistill.core.codec.state import BONDS, BROKEN, NEAR, SYNC, Sizes, add_event, new_coder, start_graph


def coder():
    compile_all()
    return new_coder(Sizes(10, 8, 4, 4, 16, 4, 16), zeros(99, "uint8"), ENCODE, (1, 1), (7, 5, 5))


def test_events_repeat_those_of_the_graph_before_until_one_differs():
    c = coder()
    for events, same in (([5, 6, 7], [False] * 3), ([5, 6, 8, 7], [True, True, False, False])):
        start_graph(c)
        found = []
        for event in events:
            found.append(bool(repeats(c, 0, -1, event)))
            add_event(c, event)
        assert found == same
    assert (c.m.reg[SYNC], c.m.reg[BROKEN]) == (0, 0)


def test_an_edge_is_known_at_both_ends():
    c = coder()
    join(c, 1, 0, 2)
    assert c.node[BONDS][0] == c.node[BONDS][1] != 0
    assert c.node[NEAR][0] == c.node[NEAR][1] != 0
    assert c.node[BONDS][2] == 0
