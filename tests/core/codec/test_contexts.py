from graphdistill.core.codec import contexts
from graphdistill.core.codec.arithmetic import ENCODE
from graphdistill.core.codec.header import CONTEXTS
from graphdistill.core.codec.jit import zeros
from graphdistill.core.codec.model import COUNT, KIND, MAX_CONTEXTS
from graphdistill.core.codec.state import BROKEN, DEPTH, LEFT, PARENT, SKIP, SYMBOL, Sizes, new_coder


def coder(which=2):
    c = new_coder(Sizes(12, 6, 4, 4, 16, 4, 16), zeros(8, "uint8"), ENCODE, (1, 1), CONTEXTS[which])
    for v in range(5):
        c.node[PARENT][v] = v - 1
        c.node[SYMBOL][v] = v
        c.node[LEFT][v] = v % 2
        c.node[SKIP][v], c.node[DEPTH][v] = v - 1, v
    return c


def test_ancestors_with_open_stubs():
    assert contexts.open_above(coder(), 4) == (3, 1, 1, 3)
    assert contexts.open_above(coder(), 0) == (-1, 0, -1, 0)


def test_every_kind_fits_and_differs():
    c = coder()
    calls = {
        contexts.NODE: lambda: contexts.node_contexts(c, 3, 1),
        contexts.EDGE: lambda: contexts.edge_contexts(c, 3),
        contexts.BACK: lambda: contexts.back_contexts(c, 4, 1, 3, 0, 99),
        contexts.BACK_EDGE: lambda: contexts.back_edge_contexts(c, 4, 1, 3, 99),
        contexts.MORE: lambda: contexts.more_contexts(c, 5),
        contexts.SAME: lambda: contexts.same_contexts(c, 0, 3),
    }
    seen = set()
    for broken in (0, 3):
        c.m.reg[BROKEN] = broken
        for kind, call in calls.items():
            call()
            assert c.m.reg[KIND] == kind
            assert 1 <= c.m.reg[COUNT] < MAX_CONTEXTS
            hashes = [int(h) for h in c.m.context[: c.m.reg[COUNT]]]
            assert len(set(hashes)) == len(hashes)
            assert all(0 <= h < 2**32 for h in hashes)
            assert broken or not seen & set(hashes)
            seen |= set(hashes)
    c.m.reg[BROKEN] = 0
    contexts.root_contexts(c, 0)
    assert c.m.reg[COUNT] == 4


def test_small_sets_take_the_first_contexts():
    few, many = coder(0), coder(2)
    for c in (few, many):
        contexts.node_contexts(c, 3, 1)
    assert [few.m.reg[COUNT], many.m.reg[COUNT]] == [CONTEXTS[0][0], CONTEXTS[2][0]]
    assert list(few.m.context[:7]) == list(many.m.context[:7])


def test_size_classes():
    assert [contexts.size_class(n) for n in (0, 1, 2, 3, 4, 2**30)] == [0, 1, 2, 2, 3, 20]
