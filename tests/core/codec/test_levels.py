from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.codec.levels import value_levels


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40), st.integers(1, 12))
def test_levels_are_ranges_of_values_and_no_more_than_given(count, most):
    level = value_levels(torch.tensor(count), most)
    assert level[0] == 0
    assert set(level.diff().tolist()) <= {0, 1}
    assert level.max() < most


def test_few_values_are_levels_of_their_own():
    assert value_levels(torch.tensor([0, 5, 0, 1]), 4).tolist() == [0, 1, 2, 3]


def test_a_frequent_value_stands_alone_and_the_others_are_about_equally_frequent():
    level = value_levels(torch.tensor([900] + [1] * 100), 5)
    share = torch.bincount(level)
    assert share[0] == 1
    assert len(share) == 5
    assert share[1:].max() - share[1:].min() <= 2


def test_levels_below_one_are_refused():
    with pytest.raises(ValueError, match="levels must be 1 or more, got 0"):
        value_levels(torch.tensor([1]), 0)
