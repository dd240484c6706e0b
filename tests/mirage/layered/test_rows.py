import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.mirage.layered.rows import Link, Rows


def rows(name, size, below=None, index=None, fast=False):
    link = None if below is None else Link(torch.tensor(index), below.size, fast=fast)
    return Rows(name, size, lambda: torch.ones(size).long(), below=below, link=link, fast=fast)


def test_values_travel_over_several_kinds_of_rows():
    for fast in (False, True):
        one = rows("one", 2)
        two = rows("two", 3, one, [1, 0, 1], fast)
        three = rows("three", 4, two, [2, 2, 1, 0], fast)
        assert three.stand_on(one)
        assert not one.stand_on(three)
        assert three.link(one).gather(torch.tensor([5.0, 7.0])).tolist() == [7, 7, 5, 7]
        assert three.link(one) is three.link(one)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from([-1.0, 0.5, 2.0])), max_size=9))
def test_reductions_with_counts_are_those_of_repeated_rows(entries):
    entries = sorted(entries)
    index, count = (torch.tensor([e[k] for e in entries], dtype=torch.long) for k in (0, 1))
    x = torch.tensor([e[2] for e in entries], dtype=torch.double)
    ptr = torch.searchsorted(index, torch.arange(5))
    index_all, x_all = index.repeat_interleave(count), x.repeat_interleave(count)
    for how in ("sum", "max", "min"):
        naive = [
            getattr(x_all[index_all == i], how)() if (index_all == i).any() else torch.tensor(0.0) for i in range(4)
        ]
        for fast in (False, True):
            out = Link(index, 4, ptr, fast).reduce(x, how, count)
            assert torch.allclose(out, torch.stack([v.double() for v in naive]))


def test_equal_largest_values_share_a_gradient_by_their_counts():
    x = torch.tensor([2.0, 2.0, 1.0], requires_grad=True)
    Link(torch.tensor([0, 0, 0]), 1).reduce(x, "max", torch.tensor([3, 1, 5])).sum().backward()
    assert x.grad.tolist() == [0.75, 0.25, 0]
