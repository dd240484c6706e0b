"""Helpers on tensors."""

from __future__ import annotations

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from graphdistill.core.data.tensors import downcast, ranges, segment_ptr, tensor_bytes


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300), max_size=5))
@example([255])
@example([256])
@example([-1, 2**15 - 1])
@example([-1, 2**15])
@example([2**31 - 1])
@example([2**31])
def test_narrow_keeps_values_in_the_fewest_bytes(values: list[int]) -> None:
    out = downcast(torch.tensor(values, dtype=torch.long))
    assert out.tolist() == values
    bounds = [(1, 0, 2**8), (2, -(2**15), 2**15), (4, -(2**31), 2**31), (8, -(2**63), 2**63)]
    want = next(size for size, low, high in bounds if all(low <= v < high for v in values))
    assert out.element_size() == want


def test_narrow_leaves_floats() -> None:
    values = torch.tensor([1.0, 2.0], dtype=torch.double)
    assert downcast(values) is values


def test_bytes_of_tensors() -> None:
    assert tensor_bytes() == 0
    assert tensor_bytes(None, torch.zeros(3, 2), torch.zeros(5, dtype=torch.int16), torch.zeros(0)) == 34


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4)), max_size=8))
def test_ranges_and_pointers(parts: list[tuple[int, int]]) -> None:
    starts, lengths = torch.tensor(parts, dtype=torch.long).view(-1, 2).unbind(1)
    assert ranges(starts, lengths).tolist() == [v for start, n in parts for v in range(start, start + n)]
    assert segment_ptr(lengths).tolist() == [sum(n for _, n in parts[:i]) for i in range(len(parts) + 1)]
