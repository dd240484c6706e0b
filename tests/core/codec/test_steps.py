import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdistill.core.codec.steps import from_steps, to_steps


@given(multiples=st.lists(st.integers(-(2**20), 2**20)), step=st.floats(1e-6, 1e6))
def test_multiples_come_back(multiples, step):
    values = from_steps(torch.tensor(multiples, dtype=torch.long), step)
    assert values.tolist() == [torch.tensor(m * step).item() for m in multiples]
    assert to_steps(values, step, "x").tolist() == multiples


def test_integers_stay():
    assert torch.equal(to_steps(torch.tensor([3], dtype=torch.uint8), None, "x"), torch.tensor([3]))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e20])
def test_values_beyond_64_bits_are_refused(value):
    with pytest.raises(
        ValueError, match=f"x holds {re.escape(str(value))}; multiples of step=1.0 must fit 64 bits, so give a larger"
    ):
        to_steps(torch.tensor([0.0, value], dtype=torch.double), 1.0, "x")
