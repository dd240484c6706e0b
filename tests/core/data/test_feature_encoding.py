from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.core.data.feature_encoding import CategoricalEncoding, NumericEncoding, fit_encoding

TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 6), min_size=width, max_size=width), min_size=1, max_size=8)
)


@settings(deadline=None)
@given(TABLES)
def test_categories_come_back_from_their_logits(rows: list[list[int]]) -> None:
    x = torch.tensor(rows)
    columns = fit_encoding(x)
    assert torch.equal(columns.decode(columns.init_from(x)).long(), x)
    assert torch.equal(columns.decode(columns.encode(x)).long(), x)


@settings(deadline=None)
@given(TABLES)
def test_one_hot_blocks_place_by_place(rows: list[list[int]]) -> None:
    columns = fit_encoding(torch.tensor(rows))
    sizes = [max(column) + 1 for column in zip(*rows, strict=True)]
    wanted = [[float(v == k) for v, size in zip(row, sizes, strict=True) for k in range(size)] for row in rows]
    assert columns.encode(torch.tensor(rows)).tolist() == wanted


def softmax(columns: CategoricalEncoding, logits: torch.Tensor) -> torch.Tensor:
    return torch.cat([block.softmax(dim=-1) for block in logits.split(columns.sizes, dim=-1)], dim=-1)


def test_logits_are_nearly_sure_of_a_category_at_first() -> None:
    columns = CategoricalEncoding((3, 1, 2))
    shares = softmax(columns, columns.init_from(torch.tensor([[2, 0, 1]])))
    torch.testing.assert_close(shares, torch.tensor([[0.025, 0.025, 0.95, 1, 0.05, 0.95]]))


def test_logits_are_read_as_the_likeliest_with_the_gradient_of_a_softmax() -> None:
    columns = CategoricalEncoding((3, 2))
    logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    read, weight = columns.discretize(logits), torch.arange(5.0)
    assert torch.equal(read, columns.encode(columns.decode(logits).flatten(0, 1)).view(2, 4, 5))
    mine = torch.autograd.grad((read * weight).sum(), logits)[0]
    theirs = torch.autograd.grad((softmax(columns, logits) * weight).sum(), logits)[0]
    torch.testing.assert_close(mine, theirs)


def test_measures_are_read_in_deviations_and_come_back() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    columns = fit_encoding(x)
    assert isinstance(columns, NumericEncoding)
    assert columns.encode(x).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert torch.equal(columns.discretize(columns.init_from(x)), columns.encode(x))
    assert torch.equal(columns.decode(columns.encode(x)), x)


def test_negative_categories_are_refused() -> None:
    with pytest.raises(ValueError, match="categorical features hold -1; number categories from 0, or give floats"):
        fit_encoding(torch.tensor([[0], [-1]]))
