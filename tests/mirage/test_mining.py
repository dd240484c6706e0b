from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphdistill.core.data.tensors import segment_ptr
from graphdistill.mirage.mining import Itemset, closed_itemsets, top_closed_itemsets
from tests.reference import closed_itemsets_naive

databases = st.integers(1, 7).flatmap(lambda n: st.lists(st.lists(st.integers(0, n - 1), max_size=2 * n), max_size=12))


def tensors(transactions: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(t) for t in transactions], dtype=torch.long)
    return segment_ptr(lengths), torch.tensor([i for t in transactions for i in t], dtype=torch.long)


def pairs(itemsets: list[Itemset]) -> list[tuple[tuple[int, ...], int]]:
    return [(s.items, s.support) for s in itemsets]


def matrix(seed: int, rows: int, columns: int) -> np.ndarray:
    """Random rows with copies and near copies of a few columns: many frequent sets are not closed."""
    rng = np.random.default_rng(seed)
    blocks = rng.random((rows, 6)) < 0.4
    member = rng.integers(0, 6, columns)
    noise = np.where(np.arange(columns) % 3 == 0, 0, 0.04)
    return blocks[:, member] ^ (rng.random((rows, columns)) < noise)


def of_matrix(rows: np.ndarray) -> tuple[Tensor, Tensor]:
    return tensors([np.flatnonzero(row).tolist() for row in rows])


@given(databases, st.integers(1, 5))
def test_equals_brute_force(transactions: list[list[int]], min_support: int) -> None:
    found = closed_itemsets(*tensors(transactions), min_support)
    assert pairs(found) == closed_itemsets_naive(transactions, min_support)


@given(databases, st.integers(1, 20))
def test_top_equals_the_first_of_brute_force(transactions: list[list[int]], k: int) -> None:
    assert pairs(top_closed_itemsets(*tensors(transactions), k)) == closed_itemsets_naive(transactions, 1)[:k]


@given(databases, st.integers(1, 3), st.integers(1, 10**6), st.integers(0, 10**12))
def test_item_numbers_may_be_large(transactions: list[list[int]], min_support: int, factor: int, shift: int) -> None:
    ptr, items = tensors(transactions)
    spread = closed_itemsets(ptr, items * factor + shift, min_support)
    plain = [
        (tuple(i * factor + shift for i in items), support)
        for items, support in closed_itemsets_naive(transactions, min_support)
    ]
    assert pairs(spread) == plain


@pytest.mark.parametrize(("seed", "min_support"), [(0, 120), (1, 60), (2, 40)])
def test_equals_mlxtend(seed: int, min_support: int) -> None:
    pd = pytest.importorskip("pandas")
    patterns = pytest.importorskip("mlxtend.frequent_patterns")
    rows = matrix(seed, 400, 26)
    frame = pd.DataFrame(rows)
    # A hair below the threshold, which mlxtend compares with a ratio in floating point.
    share = (min_support - 0.5) / len(rows)
    frequent = {
        tuple(sorted(items)): round(support * len(rows))
        for support, items in patterns.fpgrowth(frame, min_support=share).itertuples(index=False)
    }
    # One more item at a time is enough: a larger set of equal support makes all those between equal too.
    larger = {
        tuple(items[:i] + items[i + 1 :]): support
        for items, support in sorted(frequent.items(), key=lambda pair: pair[1])
        for i in range(len(items))
    }
    closed = {items: support for items, support in frequent.items() if larger.get(items) != support}
    found = closed_itemsets(*of_matrix(rows), min_support)
    assert dict(pairs(found)) == closed
    assert 20 < len(closed) < len(frequent)

    maximal = {tuple(sorted(i)) for i in patterns.fpmax(frame, min_support=share)["itemsets"]}
    sets = [set(s.items) for s in found]
    assert maximal == {tuple(sorted(s)) for s in sets if not any(s < other for other in sets)}


def test_top_is_a_prefix_of_all() -> None:
    ptr, items = of_matrix(matrix(3, 120, 24))
    every = closed_itemsets(ptr, items, 1)
    assert len(every) > 1000
    assert every == sorted(every, key=lambda s: (-s.support, s.items))
    for k in (1, 2, 10, 100, 1000, len(every), len(every) + 1):
        assert top_closed_itemsets(ptr, items, k) == every[:k]


def test_order_of_transactions_and_items_does_not_matter() -> None:
    rows = matrix(4, 200, 20)
    transactions = [np.flatnonzero(row).tolist()[::-1] for row in rows[::-1]]
    assert closed_itemsets(*tensors(transactions), 20) == closed_itemsets(*of_matrix(rows), 20)


def test_repeats_in_a_transaction_count_once() -> None:
    assert pairs(closed_itemsets(*tensors([[5, 5, 5], [5, 2, 5]]), 2)) == [((5,), 2)]
    assert closed_itemsets(*tensors([[5, 5, 5]]), 2) == []


def test_no_transactions_and_empty_ones() -> None:
    assert closed_itemsets(*tensors([]), 1) == []
    assert closed_itemsets(*tensors([[], []]), 1) == []
    assert top_closed_itemsets(*tensors([]), 3) == []
    assert pairs(closed_itemsets(*tensors([[], [4], [], [4, 1], []]), 1)) == [((4,), 2), ((1, 4), 1)]


def test_all_transactions_alike() -> None:
    ptr, items = tensors([list(range(3000))] * 40 + [[]])
    assert closed_itemsets(ptr, items, 1) == [Itemset(tuple(range(3000)), 40)]
    assert top_closed_itemsets(ptr, items, 9) == [Itemset(tuple(range(3000)), 40)]
    assert closed_itemsets(ptr, items, 41) == []


def test_deep_patterns_need_no_recursion() -> None:
    chain = closed_itemsets(*tensors([list(range(n + 1)) for n in range(300)]), 1)
    assert pairs(chain) == [(tuple(range(n + 1)), 300 - n) for n in range(300)]
    # Each of the first items is missing once, so that nothing but the path of extensions makes a set.
    long = [[i for i in range(1500) if i != n] for n in range(60)]
    found = top_closed_itemsets(*tensors(long), 62)
    assert [s.support for s in found] == [60] + [59] * 60 + [58]
    assert [len(s.items) for s in found] == [1440] + [1441] * 60 + [1442]


def test_an_explosion_is_stopped() -> None:
    ptr, items = of_matrix(~np.eye(40, dtype=bool))
    with pytest.raises(ValueError, match=r"min_support 2 gives more than max_itemsets=5000 .*raise min_support"):
        closed_itemsets(ptr, items, 2, max_itemsets=5000)
    with pytest.raises(ValueError, match="max_itemsets=39"):
        closed_itemsets(ptr, items, 39, max_itemsets=39)
    assert len(closed_itemsets(ptr, items, 39, max_itemsets=40)) == 40
    assert [s.support for s in top_closed_itemsets(ptr, items, 41)] == [39] * 40 + [38]


@pytest.mark.parametrize(
    ("ptr", "items", "match"),
    [
        ([], [], r"ptr starts with \[\]; its first value must be 0"),
        ([1, 2], [3, 4], r"ptr starts with \[1\]; its first value must be 0"),
        ([0, 2, 1, 3], [3, 4, 5], r"ptr\[1:3\] is \[2, 1\]; its values must not fall"),
        ([0, 2], [3, 4, 5], r"ptr ends with 2; its last value must be len\(items\), 3"),
        ([0, 1, 3], [3, -4, 5], r"items holds -4; number the items from 0"),
        ([[0, 1]], [3], r"ptr is torch.int64 of shape \[1, 2\]; give a long vector"),
        ([0, 1], [0.5], r"items is torch.float32 of shape \[1\]; give a long vector"),
    ],
)
def test_bad_transactions(ptr: list[int], items: list[int], match: str) -> None:
    boundaries = torch.tensor(ptr, dtype=torch.long)
    values = torch.tensor(items) if items else torch.zeros(0, dtype=torch.long)
    with pytest.raises(ValueError, match=match):
        closed_itemsets(boundaries, values, 1)
    with pytest.raises(ValueError, match=match):
        top_closed_itemsets(boundaries, values, 1)


def test_bad_counts() -> None:
    ptr, items = tensors([[1, 2]])
    with pytest.raises(ValueError, match="min_support is 0; give at least 1 transaction"):
        closed_itemsets(ptr, items, 0)
    with pytest.raises(ValueError, match="k is 0; give at least 1 itemset"):
        top_closed_itemsets(ptr, items, 0)
