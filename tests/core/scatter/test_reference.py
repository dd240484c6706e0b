"""The plain-torch kernels on their own; most of what they compute is tested through the public functions."""

from __future__ import annotations

import pytest
import torch

from graphdistill.core.scatter import _reference
from tests.core.scatter.samples import DTYPES, LENGTHS, WIDTHS, close, draw
from tests.reference import gather_dot_naive, sort_by_naive


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("width", WIDTHS)
def test_dot_products_are_those_of_a_loop(
    width: int, lengths: list[int], dtype: torch.dtype, device: torch.device
) -> None:
    sample, rows = draw(lengths, width, dtype), draw([], width, dtype, rows=len(lengths), seed=1).x
    got = _reference.gather_dot(*(v.to(device) for v in (rows, sample.x, sample.ptr, sample.index)))
    close(got, gather_dot_naive(rows.double(), sample.x.double(), sample.ptr, sample.index).to(dtype), 4)
    assert got.dtype == dtype


@pytest.mark.parametrize("lengths", LENGTHS)
def test_the_twin_holds_each_entry_under_the_row_it_gathers(lengths: list[int], device: torch.device) -> None:
    _, ptr, index, _ = draw(lengths, device=device)
    back, segment, order = _reference.transpose(ptr, index, 9)
    assert (order.tolist(), back.tolist()) == sort_by_naive(index.tolist(), 9)
    owner = [s for s, length in enumerate(lengths) for _ in range(length)]
    assert segment.tolist() == [owner[place] for place in order.tolist()]


@pytest.mark.parametrize("lengths", LENGTHS)
def test_owners_and_counts_read_the_pointer(lengths: list[int], device: torch.device) -> None:
    ptr = draw(lengths, device=device).ptr
    assert _reference.owners(ptr, sum(lengths)).tolist() == [s for s, n in enumerate(lengths) for _ in range(n)]
    assert _reference.counts(ptr).tolist() == [[max(n, 1)] for n in lengths]


def test_of_equal_scores_the_first_is_nearest(device: torch.device) -> None:
    codes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], device=device)
    offset = torch.tensor([0.5, 0.5, 0.0, 0.0], device=device)
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, -2.0]], device=device)
    assert _reference.nearest(x, codes, offset).tolist() == [2, 3, 2, 2]
