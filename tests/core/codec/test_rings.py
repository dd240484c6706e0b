from graphdistill.core.codec.arithmetic import ENCODE
from graphdistill.core.codec.jit import zeros
from graphdistill.core.codec.rings import num_open, num_passed
from graphdistill.core.codec.state import LEFT, PARENT, SKIP, Sizes, new_coder


def test_open_ancestors_are_counted():
    c = new_coder(Sizes(10, 8, 4, 4, 16, 4, 16), zeros(8, "uint8"), ENCODE, (1, 1), (7, 5, 5))
    for v, left in enumerate([1, 0, 2, 0, 1, 1]):
        c.node[PARENT][v] = c.node[SKIP][v] = v - 1
        c.node[LEFT][v] = left
    assert [num_open(c, 5, most) for most in (1, 3, 9)] == [1, 3, 4]
    assert num_open(c, -1, 9) == 0
    assert [num_passed(c, 5, target) for target in (5, 4, 2, 0)] == [0, 1, 2, 3]
